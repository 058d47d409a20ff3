package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/termtext"
)

type logsOptions struct {
	services   []string
	follow     bool
	tail       string
	since      string
	until      string
	timestamps bool
	noColour   bool
	grep       string
	index      int
	noPrefix   bool
	format     string
}

func newLogsCmd(a *app) *cobra.Command {
	o := &logsOptions{}
	cmd := &cobra.Command{
		Use: "logs [SERVICE...]", Short: "Print the logs of all tiers, merged in time order",
		Long: "Print the logs of all containers of the project, merged in time order, those of stopped containers too. Lines of standard error are marked with !.\n" +
			"--follow goes on through restarts and picks up new replicas. Control sequences are shown, not obeyed.",
		Example: "stackctl logs -f\nstackctl logs --since 10m --grep 'error|50[0-9]' nginx web\nstackctl logs --tail 20 -t redis",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			return a.logs(cmd.Context(), o)
		},
		ValidArgsFunction: a.completeRunning,
	}
	flags := cmd.Flags()
	// Before the verb -f is the Compose file; here it is follow, as in Compose. Naming --file keeps the global one reachable.
	flags.StringArrayVar(&a.files, "file", a.files, "Compose file; repeat it to merge several")
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on with new lines")
	flags.StringVarP(&o.tail, "tail", "n", "all", "how many of each container's last lines to begin with")
	flags.StringVar(&o.since, "since", "", "lines after this: a duration such as 10m, or an RFC 3339 time")
	flags.StringVar(&o.until, "until", "", "lines before this")
	flags.BoolVarP(&o.timestamps, "timestamps", "t", false, "print each line's time")
	flags.BoolVar(&o.noColour, "no-color", false, "do not colour the services' names")
	flags.StringVar(&o.grep, "grep", "", "only lines that match this regular expression")
	flags.StringVar(&o.format, "format", "text", "text or json")
	flags.IntVar(&o.index, "index", 0, "only this replica of each service, from 1")
	flags.BoolVar(&o.noPrefix, "no-log-prefix", false, "print lines without the names of their containers")
	return cmd
}

func (o *logsOptions) parse(project string) (logs.Options, *regexp.Regexp, error) {
	options := logs.Options{Project: project, Follow: o.follow, Tail: -1}
	if err := oneOf("format", o.format, "text", "json"); err != nil {
		return options, nil, err
	}
	var err error
	if o.tail != "all" {
		if options.Tail, err = strconv.Atoi(o.tail); err != nil || options.Tail < 0 {
			return options, nil, usageError{fmt.Errorf("checking --tail %q: use a number, or all", o.tail)}
		}
	}
	if options.Since, err = moment("since", o.since); err != nil {
		return options, nil, err
	}
	if options.Until, err = moment("until", o.until); err != nil {
		return options, nil, err
	}
	if o.follow && o.until != "" {
		return options, nil, usageError{errors.New("checking flags: --follow has no end; leave out --until")}
	}
	pattern, err := regexp.Compile(o.grep)
	if err != nil {
		return options, nil, usageError{fmt.Errorf("checking --grep %q: %w", o.grep, err)}
	}
	return options, pattern, nil
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
	return "", usageError{fmt.Errorf("checking --%s %q: use a duration such as 10m, or a time such as 2026-01-31T12:00:00", flag, text)}
}

func (a *app) logs(ctx context.Context, o *logsOptions) error {
	project, err := a.projectName(ctx)
	if err != nil {
		return err
	}
	options, pattern, err := o.parse(project)
	if err != nil {
		return err
	}
	eng, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	services, declared, err := a.meant(ctx, o.services)
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
	debug.SetGCPercent(longLived)
	printer := &linePrinter{out: newBuffered(raw(a.Out), o.follow), timestamps: o.timestamps, colour: colour(a.Out) && !o.noColour, json: o.format == "json", pattern: pattern, width: width, index: o.index, noPrefix: o.noPrefix}
	follower := eng.Follow()
	defer follower.Close()
	err = logs.Stream(ctx, follower, options, printer.print)
	return errors.Join(err, printer.out.Flush())
}

// checkServices refuses a service that the project has no container of, unless a Compose file declares it or it is followed: it may
// come. It returns the width of the longest name.
func checkServices(ctx context.Context, r orchestrate.Reader, o logs.Options, declared bool) (width int, err error) {
	list, err := orchestrate.Containers(ctx, r, o.Project)
	if err != nil {
		return 0, err
	}
	known := map[string]bool{}
	for _, c := range list {
		known[c.Service] = true
		if !c.OneOff && (len(o.Services) == 0 || slices.Contains(o.Services, c.Service)) {
			width = max(width, len(replicaName(c.Service, c.Number)))
		}
	}
	for _, service := range o.Services {
		if !known[service] && !declared && !o.Follow {
			return 0, fmt.Errorf("finding service %q: project %q has no containers of it; `stackctl ps --all` lists them", service, o.Project)
		}
	}
	return width, nil
}

func replicaName(service string, number int) string { return fmt.Sprintf("%s-%d", service, number) }

// palette holds the colours of services' names; both light and dark terminals show them.
var palette = []int{36, 33, 32, 35, 34, 96, 93, 92, 95, 94}

type linePrinter struct {
	out        *buffered
	timestamps bool
	colour     bool
	json       bool
	pattern    *regexp.Regexp
	width      int
	index      int // 0 is all
	noPrefix   bool
	line       []byte
}

func (p *linePrinter) print(l logs.Line) error {
	if !p.pattern.Match(l.Text) || p.index != 0 && l.Replica != p.index {
		return nil
	}
	if p.json {
		return p.printJSON(l)
	}
	name := replicaName(l.Service, l.Replica)
	p.width = max(p.width, len(name))
	p.line = p.line[:0]
	switch {
	case p.noPrefix:
	case p.colour:
		p.line = fmt.Appendf(p.line, "\x1b[%dm%-*s\x1b[0m ", colourOf(l.Service), p.width, termtext.Safe(name))
	default:
		p.line = fmt.Appendf(p.line, "%-*s ", p.width, termtext.Safe(name))
	}
	if mark := map[bool]string{false: "| ", true: "! "}[l.Stderr]; !p.noPrefix {
		p.line = append(p.line, mark...)
	}
	if p.timestamps {
		p.line = append(l.Time.AppendFormat(p.line, "2006-01-02T15:04:05.000000Z07:00"), ' ')
	}
	p.line = termtext.AppendSafe(p.line, l.Text)
	if l.Truncated {
		p.line = append(p.line, " [cut]"...)
	}
	_, err := p.out.Write(append(p.line, '\n'))
	return err
}

func colourOf(service string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(service))
	return palette[h.Sum32()%uint32(len(palette))]
}
