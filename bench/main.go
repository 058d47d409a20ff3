// Command bench measures stackctl beside the raw Engine API and docker compose, in turn in one run, and writes docs/benchmarks.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"stackctl.dev/stackctl/bench/changes"
	"stackctl.dev/stackctl/bench/count"
	"stackctl.dev/stackctl/bench/dash"
	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/bench/rig"
	"stackctl.dev/stackctl/bench/up"
	"stackctl.dev/stackctl/bench/waf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// names are the subjects, in the order of the document.
var names = []string{"up", "changes", "count", "dash", "waf"}

type options struct {
	rig      rig.Options
	subjects []string // of names
	out      string
	// modsecurity is the root of the packages with ModSecurity.
	modsecurity string
	nginx       string // root of an nginx that is newer than the host's; empty is none
	count       time.Duration
	dash        dash.Options
}

func parse(args []string, errOut io.Writer) (options, error) {
	o := options{rig: rig.Options{Progress: errOut}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() {
		fmt.Fprintf(errOut, "usage: bench [flags] [%s]...; all without one\n", strings.Join(names, "|"))
		flags.PrintDefaults()
	}
	flags.IntVar(&o.rig.Runs, "n", 5, "number of runs")
	flags.StringVar(&o.rig.Binary, "stackctl", "bin/stackctl", "the stripped `binary` to measure")
	flags.StringVar(&o.out, "o", "", "also write what was measured into this Markdown `file`; its other sections stay as they are")
	only := flags.String("only", "", "measure, beside stackctl, only contenders that match this `expression`; of the dashboard only parts that do (start, idle, flood, old log, 50 containers)")
	flags.StringVar(&o.nginx, "nginx", "", "changes: also roll out behind the nginx of this `folder`, from 1.27.4 on, laid out as by scripts/host-programs")
	flags.StringVar(&o.modsecurity, "modsecurity", "/", "waf: measure beside nginx with ModSecurity of this `folder`, in which Debian's packages libnginx-mod-http-modsecurity and modsecurity-crs are installed or unpacked")
	flags.DurationVar(&o.count, "count-period", 3*time.Second, "count: how long one measurement lasts, in whole seconds")
	flags.DurationVar(&o.dash.Period, "dash-period", time.Minute, "dash: how long the dashboard is watched in each row")
	flags.BoolVar(&o.dash.Growth, "dash-growth", false, "dash: also watch it idle for 10 minutes")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.subjects = flags.Args()
	if len(o.subjects) == 0 {
		o.subjects = names
	}
	unknown := func(name string) bool { return !slices.Contains(names, name) }
	if slices.ContainsFunc(o.subjects, unknown) || o.rig.Runs < 1 || o.count < time.Second || o.dash.Period < time.Second {
		return o, fmt.Errorf("checking arguments %q: subjects are %s, -n is at least 1, periods at least 1s", args, strings.Join(names, ", "))
	}
	if *only == "" {
		return o, nil
	}
	var err error
	if o.rig.Only, err = regexp.Compile("(?i)" + *only); err != nil {
		return o, fmt.Errorf("reading -only: %w", err)
	}
	return o, nil
}

// run is the program as a function of its context, arguments and streams. It returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := parse(args, errOut)
	if err != nil {
		fmt.Fprintln(errOut, "bench:", err)
		return 2
	}
	err = measureAll(ctx, o, func(s report.Section) error {
		fmt.Fprintln(out, s.Text(args))
		if o.out == "" {
			return nil
		}
		return report.Write(o.out, args, s)
	})
	if ctx.Err() != nil {
		fmt.Fprintln(errOut, "bench: interrupted; everything that it started is removed")
		return 130
	}
	if err != nil {
		fmt.Fprintln(errOut, "bench:", strings.TrimSpace(err.Error()))
		return 1
	}
	return 0
}

// measureAll measures one subject after the other, and hands on each section at once: a subject that fails takes none of the others
// with it.
func measureAll(ctx context.Context, o options, handOn func(report.Section) error) error {
	if slices.Contains(o.subjects, "count") {
		if err := count.Check(); err != nil {
			return err
		}
	}
	r, err := rig.Open(ctx, o.rig)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	var errs []error
	for _, name := range o.subjects {
		section, err := measure(ctx, r, o, name)
		r.Clear(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = handOn(section)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("measuring %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func measure(ctx context.Context, r *rig.Rig, o options, name string) (report.Section, error) {
	switch name {
	case "up":
		return up.Measure(ctx, r)
	case "changes":
		return changes.Measure(ctx, r, o.nginx)
	case "count":
		return count.Measure(ctx, r, o.count)
	case "waf":
		return waf.Measure(ctx, r, o.modsecurity)
	default:
		return dash.Measure(ctx, r, o.dash)
	}
}
