package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/loadtest"
	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/termtext"
)

type verifyOptions struct {
	operation string
	rate      int
	lasting   time.Duration
	path      string
	noRetry   bool
	format    string
}

func newVerifyCmd(a *app) *cobra.Command {
	o := &verifyOptions{}
	cmd := &cobra.Command{
		Use:   "verify [rollout|scale|kill|restart-redis]",
		Short: "Put the stack under load while something is done to it, and count failed requests",
		Long: "Send requests to the stack at a steady rate, do something to it meanwhile, and tell what became of the requests.\n" +
			"Latencies run from the time at which a request was due, so that a stall shows in full. Failed are those without an answer and those " +
			"answered by another status than 200; the exit code is 1 if there are any.\n" +
			"Like other HTTP clients, this one sends a GET again where the server has closed the connection that it used before, and tells how many " +
			"were repeated so. With --no-retry each is sent once, on connections that are kept, and counts as failed.\nThe requests are real: /count counts them.\n\n" +
			"  rollout        replace the web replicas, as `stackctl rollout` does\n" +
			"  scale          two replicas more, and back\n" +
			"  kill           SIGKILL a replica, and start it again; with one replica only, a second is added for the time of the test\n" +
			"  restart-redis  restart Redis; the web tier waits for it",
		Example: "stackctl verify rollout\nstackctl verify scale --rate 500\nstackctl verify --for 1m          # only the load",
		Args:    usage(cobra.MaximumNArgs(1)), ValidArgs: []string{"rollout", "scale", "kill", "restart-redis"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.operation = args[0]
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.verify(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.rate, "rate", 200, fmt.Sprintf("requests a second, at most %d", loadtest.MaxRate))
	flags.DurationVar(&o.lasting, "for", 10*time.Second, "how long at least; an operation is always waited for")
	flags.StringVar(&o.path, "path", "/count", "what is requested")
	flags.BoolVar(&o.noRetry, "no-retry", false, "send each request once, also where the server closes the connection without an answer")
	flags.StringVar(&o.format, "format", "text", "text or json")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *verifyOptions) check() error {
	switch {
	case o.rate < 1 || o.rate > loadtest.MaxRate:
		return usageError{fmt.Errorf("checking --rate %d: use 1 to %d", o.rate, loadtest.MaxRate)}
	case o.lasting <= 0 || o.lasting > time.Hour:
		return usageError{fmt.Errorf("checking --for %s: use up to 1h", o.lasting)}
	case o.path == "" || o.path[0] != '/':
		return usageError{fmt.Errorf("checking --path %q: begin it with /", o.path)}
	case o.operation != "" && operations[o.operation] == nil:
		return usageError{fmt.Errorf("choosing what to verify: %q is not known; use rollout, scale, kill or restart-redis", o.operation)}
	}
	return oneOf("format", o.format, "text", "json")
}

// lead is how long the load runs before the operation begins, and after it has ended.
const lead = 2 * time.Second

// verify puts the load on the stack, and the operation beside it.
func (a *app) verify(ctx context.Context, o *verifyOptions) error {
	eng, project, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	url, err := verifiedURL(ctx, eng, project)
	if err != nil {
		return err
	}
	v := &verified{app: a, eng: eng, project: project}
	restore := func() error { return nil }
	if o.operation == "kill" {
		if restore, err = v.second(ctx); err != nil {
			return err
		}
	}
	begin := time.Now()
	test := loadtest.Start(ctx, loadtest.Target{URL: url + o.path, Rate: o.rate, NoRetry: o.noRetry})
	var failure error
	if o.operation != "" {
		wait(ctx, lead)
		test.Enter(loadtest.During)
		failure = operations[o.operation](ctx, v)
		test.Enter(loadtest.After)
		wait(ctx, lead)
	}
	wait(ctx, o.lasting-time.Since(begin))
	report := test.Stop(ctx)
	a.printReport(o, report)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failure != nil:
		return fmt.Errorf("verifying %s: %w", o.operation, failure)
	case report.All.Failed > 0:
		failure = fmt.Errorf("verifying: %d of %d requests failed", report.All.Failed, report.All.Requests)
	case report.All.Requests == 0:
		failure = errors.New("verifying: no request was answered in time")
	}
	return errors.Join(failure, restore())
}

// wait lets the load go on for a while.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(max(0, d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// verifiedURL is where the running stack answers on this machine.
func verifiedURL(ctx context.Context, eng *engine.Engine, project string) (string, error) {
	observed, err := orchestrate.Observe(ctx, eng, project)
	if err != nil {
		return "", err
	}
	address, ok := observed.Entrance()
	switch {
	case !ok:
		return "", fmt.Errorf("finding where project %q answers: no running container of it publishes the port that x-stackctl.ready names; start it with `stackctl up`", project)
	case !eng.Local():
		return "", fmt.Errorf("finding where project %q answers: its port is published on the engine's machine; run `stackctl verify` there", project)
	}
	return "http://" + address, nil
}

func (a *app) printReport(o *verifyOptions, report loadtest.Report) {
	if o.format == "json" {
		_ = newJSON(a.Out).Encode(struct {
			Operation string `json:"operation,omitempty"`
			Rate      int    `json:"rate"`
			loadtest.Report
		}{o.operation, o.rate, report})
		return
	}
	if o.operation != "" {
		table := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "\trequests\tfailed\trepeated\tp50\tp99\tmax\tlongest gap\t")
		for i, name := range []string{"before", "during", "after"} {
			r := report.Phases[i]
			fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t\n", name, r.Requests, r.Failed, r.Repeated, short(r.P50), short(r.P99), short(r.Max), short(r.LongestGap))
		}
		_ = table.Flush()
	}
	r := report.All
	fmt.Fprintf(a.Out, "%d requests, %d failed, %d repeated, p50 %s, p99 %s, max %s, longest gap %s\n", r.Requests, r.Failed, r.Repeated, short(r.P50), short(r.P99), short(r.Max), short(r.LongestGap))
	for _, reason := range r.ReasonsByCount() {
		fmt.Fprintf(a.Out, "  %d failed: %s\n", r.Reasons[reason], termtext.Safe(reason))
	}
}

// short is a time to three digits.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < 100*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
