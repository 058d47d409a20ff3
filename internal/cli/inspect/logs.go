package inspect

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/logprint"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

type logsOptions struct {
	logprint.Options
	services     []string
	follow       bool
	tail         string
	since, until string
	noColour     bool
	grep         string
	format       string
}

func newLogsCmd(a *app) *cobra.Command {
	o := &logsOptions{format: "text"}
	cmd := &cobra.Command{
		Use: "logs [SERVICE...]", Short: "Print the logs of all tiers, merged in time order",
		Long: "Print the logs of all containers of the project, merged in time order, those of stopped containers too. Lines of standard error are marked with !.\n" +
			"--follow goes on through restarts and picks up new replicas. Control sequences are shown, not obeyed.",
		Example: "stackctl logs -f\nstackctl logs --since 10m --grep 'error|50[0-9]' nginx web\nstackctl logs --tail 20 -t redis",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			return a.logs(cmd.Context(), o)
		},
		ValidArgsFunction: a.CompleteRunning,
	}
	flags := cmd.Flags()
	// Before the verb -f is the Compose file; here it is follow, as in Compose. Naming --file keeps the global one reachable.
	flags.StringArrayVar(&a.Files, "file", a.Files, "Compose file; repeat it to merge several")
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on with new lines")
	flags.StringVarP(&o.tail, "tail", "n", "all", "how many of each container's last lines to begin with")
	flags.StringVar(&o.since, "since", "", "lines after this: a duration such as 10m, or an RFC 3339 time")
	flags.StringVar(&o.until, "until", "", "lines before this")
	flags.BoolVarP(&o.Timestamps, "timestamps", "t", false, "print each line's time")
	flags.BoolVar(&o.noColour, "no-color", false, "do not colour the services' names")
	flags.StringVar(&o.grep, "grep", "", "only lines that match this regular expression")
	cli.AddChoice(cmd, &o.format, "format", "text or json", "text", "json")
	flags.IntVar(&o.Index, "index", 0, "only this replica of each service, from 1")
	flags.BoolVar(&o.NoPrefix, "no-log-prefix", false, "print lines without the names of their containers")
	return cmd
}

func (o *logsOptions) parse(project string) (logs.Options, error) {
	options := logs.Options{Project: project, Follow: o.follow, Tail: -1}
	var err error
	if o.tail != "all" {
		if options.Tail, err = strconv.Atoi(o.tail); err != nil || options.Tail < 0 {
			return options, cli.Wrong("checking --tail %q: use a number, or all", o.tail)
		}
	}
	if options.Since, err = moment("since", o.since); err != nil {
		return options, err
	}
	if options.Until, err = moment("until", o.until); err != nil {
		return options, err
	}
	if o.follow && o.until != "" {
		return options, cli.Wrong("checking flags: --follow has no end; leave out --until")
	}
	if o.Pattern, err = regexp.Compile(o.grep); err != nil {
		return options, cli.Wrong("checking --grep %q: %w", o.grep, err)
	}
	return options, nil
}

// moment reads a time: RFC 3339, or a duration before now.
func moment(flag, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return time.Now().Add(-ago).Format(time.RFC3339Nano), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t.Format(time.RFC3339Nano), nil
		}
	}
	return "", cli.Wrong("checking --%s %q: use a duration such as 10m, or a time such as 2026-01-31T12:00:00", flag, text)
}

func (a *app) logs(ctx context.Context, o *logsOptions) error {
	project, err := a.ProjectName(ctx)
	if err != nil {
		return err
	}
	options, err := o.parse(project)
	if err != nil {
		return err
	}
	eng, err := a.Connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	services, declared, err := a.Meant(ctx, o.services)
	if err != nil {
		return err
	}
	options.Services = services
	width, err := checkServices(ctx, eng, options, declared)
	if err != nil {
		return err
	}
	options.Warn = func(container string, err error) {
		fmt.Fprintln(a.Err, "stackctl: "+termtext.Safe(strings.TrimPrefix(container+": "+err.Error(), ": ")))
	}
	cli.LongLived()
	o.JSON, o.Colour, o.Width = o.format == "json", terminal.Colour(a.Out) && !o.noColour, width
	printer := logprint.NewLines(terminal.Raw(a.Out), o.follow, o.Options)
	follower := eng.Follow()
	defer follower.Close()
	err = logs.Stream(ctx, follower, options, printer.Print)
	return errors.Join(err, printer.Flush())
}

// checkServices refuses a service that the project has no container of, unless a Compose file declares it or it is followed: it may
// come. It returns the width of the longest name.
func checkServices(ctx context.Context, r observe.Reader, o logs.Options, declared bool) (width int, err error) {
	list, err := observe.Containers(ctx, r, o.Project)
	if err != nil {
		return 0, err
	}
	known := map[string]bool{}
	for _, c := range list {
		known[c.Service] = true
		if !c.OneOff && (len(o.Services) == 0 || slices.Contains(o.Services, c.Service)) {
			width = max(width, len(logprint.ReplicaName(c.Service, c.Number)))
		}
	}
	for _, service := range o.Services {
		if !known[service] && !declared && !o.Follow {
			return 0, observe.NoContainers(service, o.Project)
		}
	}
	return width, nil
}
