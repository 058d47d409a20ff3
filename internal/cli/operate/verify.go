package operate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/loadtest"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/retry"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/terminal"
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
	o := &verifyOptions{format: "text"}
	cmd := &cobra.Command{
		Use:   "verify [rollout|scale|kill|restart-redis]",
		Short: "Put the stack under load while something is done to it, and count failed requests",
		Long: "Send requests to the stack at a steady rate while something is done to it, and say how they were answered.\n" +
			"Latencies run from the time at which a request was due, so that a stall shows in full. Failed are those without an answer and those " +
			"answered by another status than 200; the exit code is 1 if there are any.\n" +
			"Like other HTTP clients, this one sends a GET again where the server has closed the connection that it used before, and tells how many " +
			"were repeated so. With --no-retry each is sent once, on connections that are kept, and counts as failed.\nThe requests are real: /count counts them.\n\n" +
			"  rollout        replace the web replicas, as `stackctl rollout` does\n" +
			"  scale          two replicas more, and back\n" +
			"  kill           SIGKILL a replica, and start it again; with one replica only, a second is added for the time of the test\n" +
			"  restart-redis  restart Redis; the web tier waits for it",
		Example: "stackctl verify rollout\nstackctl verify scale --rate 500\nstackctl verify --for 1m          # only the load",
		Args:    cli.Usage(cobra.MaximumNArgs(1)), ValidArgs: []string{"rollout", "scale", "kill", "restart-redis"},
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
	cli.AddChoice(cmd, &o.format, "format", "text or json", "text", "json")
	return cmd
}

func (o *verifyOptions) check() error {
	switch {
	case o.rate < 1 || o.rate > loadtest.MaxRate:
		return cli.Wrong("checking --rate %d: use 1 to %d", o.rate, loadtest.MaxRate)
	case o.lasting <= 0 || o.lasting > time.Hour:
		return cli.Wrong("checking --for %s: use up to 1h", o.lasting)
	case o.path == "" || o.path[0] != '/':
		return cli.Wrong("checking --path %q: begin it with /", o.path)
	case o.operation != "" && project.Operations[o.operation] == nil:
		return cli.Wrong("choosing what to verify: %q is not known; use rollout, scale, kill or restart-redis", o.operation)
	}
	return nil
}

// lead is how long the load runs before the operation begins, and after it has ended.
const lead = 2 * time.Second

// verify puts the load on the stack, and the operation beside it.
func (a *app) verify(ctx context.Context, o *verifyOptions) error {
	eng, name, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	url, err := verifiedURL(ctx, eng, name)
	if err != nil {
		return err
	}
	show := a.Progress.Renderer(a.Err)
	finish := sync.OnceFunc(show.Close)
	defer finish()
	p := a.On(eng, name, show)
	restore := func(context.Context) error { return nil }
	if o.operation == "kill" {
		if restore, err = p.Spare(ctx); err != nil {
			return err
		}
	}
	begin := time.Now()
	test := loadtest.Start(ctx, loadtest.Target{URL: url + o.path, Rate: o.rate, NoRetry: o.noRetry})
	var failure error
	if o.operation != "" {
		_ = retry.Wait(ctx, lead, nil)
		test.Enter(loadtest.During)
		failure = project.Operations[o.operation](ctx, p)
		test.Enter(loadtest.After)
		_ = retry.Wait(ctx, lead, nil)
	}
	_ = retry.Wait(ctx, o.lasting-time.Since(begin), nil)
	report := test.Stop(ctx)
	failure = errors.Join(failure, restore(ctx))
	finish()
	a.printReport(o, report)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failure != nil:
		return fmt.Errorf("verifying %s: %w", o.operation, failure)
	case report.All.Reasons["status 429"] > 0:
		failure = fmt.Errorf("verifying: %d of %d requests failed, %d at the rate limit, which counts all clients of this machine together; send fewer with --rate, or allow more with `stackctl up --rate`",
			report.All.Failed, report.All.Requests, report.All.Reasons["status 429"])
	case report.All.Failed > 0:
		failure = fmt.Errorf("verifying: %d of %d requests failed", report.All.Failed, report.All.Requests)
	case report.All.Requests == 0:
		failure = errors.New("verifying: no request was answered in time")
	}
	return failure
}

// verifiedURL is where the running stack answers on this machine.
func verifiedURL(ctx context.Context, eng *engine.Engine, name string) (string, error) {
	observed, err := observe.Project(ctx, eng, name)
	if err != nil {
		return "", err
	}
	url, ok := observed.URL()
	switch {
	case !ok:
		return "", fmt.Errorf("finding where project %q answers: no running container of it publishes the port that x-stackctl.ready names; start it with `stackctl up`", name)
	case !eng.Local():
		return "", fmt.Errorf("finding where project %q answers: its port is published on the engine's machine; run `stackctl verify` there", name)
	}
	return url, nil
}

// VerifyReport is what `verify --format json` prints; docs/json.md describes it.
type VerifyReport struct {
	Operation string `json:"operation,omitempty"`
	Rate      int    `json:"rate"`
	loadtest.Report
}

func (a *app) printReport(o *verifyOptions, report loadtest.Report) {
	if o.format == "json" {
		_ = terminal.JSON(a.Out).Encode(VerifyReport{o.operation, o.rate, report})
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
