// Command bench measures stackctl beside the raw Engine API and Compose, in turn in one run, and prints one table.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

type options struct {
	args     []string
	runs     int
	stackctl string
	seed     string
	out      string
	only     *regexp.Regexp // the contenders to measure, beside stackctl; nil is all

	dash        string // also, only or no
	dashPart    string // the part of it to measure; empty is all
	dashSeconds int
	dashRate    int // lines a second
	dashGrowth  bool

	changes      string // also, only or no
	nginx        string // root of an nginx that is newer than the host's; empty is none
	count        string // also, only or no
	countSeconds int    // of one measurement
	countRounds  int
}

func parse(args []string, errOut io.Writer) (options, error) {
	o := options{args: args}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.IntVar(&o.runs, "n", 5, "number of runs; without it the counter has 3")
	flags.StringVar(&o.stackctl, "stackctl", "bin/stackctl", "the stripped `binary` to measure")
	flags.StringVar(&o.seed, "seed-stack", cmp.Or(os.Getenv("SEED_STACK"), "../shared/bench/seed-stack"), "`folder` of the seed's stack")
	flags.StringVar(&o.out, "o", "", "also write the table, with all that is needed to read it, to this Markdown `file`")
	flags.StringVar(&o.dash, "dash", "also", "measure the dashboard: `also`, only or no")
	flags.StringVar(&o.dashPart, "dash-part", "", "measure only one `part` of the dashboard: start, idle, flood, old or 50")
	flags.IntVar(&o.dashSeconds, "dash-seconds", 60, "how long the dashboard is watched in each row")
	flags.IntVar(&o.dashRate, "dash-rate", 50_000, "lines a second of the flood")
	flags.BoolVar(&o.dashGrowth, "dash-growth", false, "also watch the idle dashboard for 10 minutes")
	flags.StringVar(&o.changes, "changes", "also", "measure changes to a stack: `also`, only or no")
	flags.StringVar(&o.nginx, "nginx", "", "also roll out behind the nginx of this `folder`, from 1.27.4 on, laid out as by scripts/host-programs")
	flags.StringVar(&o.count, "count", "also", "measure the counter: `also`, only or no")
	flags.IntVar(&o.countSeconds, "count-seconds", 3, "how long the counter is asked in one measurement")
	only := flags.String("only", "", "measure, beside stackctl, only contenders that match this `expression`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.runs < 1 {
		return o, fmt.Errorf("checking arguments %q: give flags only, and -n of at least 1", args)
	}
	if err := o.checkParts(); err != nil {
		return o, err
	}
	o.countRounds = 3
	flags.Visit(func(f *flag.Flag) {
		if f.Name == "n" {
			o.countRounds = o.runs
		}
	})
	if *only == "" {
		return o, nil
	}
	var err error
	if o.only, err = regexp.Compile("(?i)" + *only); err != nil {
		return o, fmt.Errorf("reading -only: %w", err)
	}
	return o, nil
}

// checkParts checks the flags about the parts that can be left out.
func (o options) checkParts() error {
	parts := []string{"also", "only", "no"}
	if !slices.Contains(parts, o.dash) || o.dashSeconds < 1 || o.dashRate < 1 {
		return fmt.Errorf("checking arguments %q: -dash is also, only or no; -dash-seconds and -dash-rate are at least 1", o.args)
	}
	if !slices.Contains(parts, o.count) || o.countSeconds < 1 {
		return fmt.Errorf("checking arguments %q: -count is also, only or no; -count-seconds is at least 1", o.args)
	}
	if !slices.Contains(parts, o.changes) {
		return fmt.Errorf("checking arguments %q: -changes is also, only or no", o.args)
	}
	if strings.Count(o.dash+o.count+o.changes, "only") > 1 {
		return fmt.Errorf("checking arguments %q: one of -dash, -changes and -count can be only", o.args)
	}
	return nil
}

// run is the program as a function of its context, arguments and streams. It returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := parse(args, errOut)
	if err != nil {
		fmt.Fprintln(errOut, "bench:", err)
		return 2
	}
	report, err := measureAll(ctx, o, errOut)
	if ctx.Err() != nil {
		fmt.Fprintln(errOut, "bench: interrupted; everything that it started is removed")
		return 130
	}
	if err == nil {
		fmt.Fprint(out, report.text())
		if o.out != "" {
			err = report.write(o.out)
		}
	}
	if err != nil {
		fmt.Fprintln(errOut, "bench:", strings.TrimSpace(err.Error()))
		return 1
	}
	return 0
}
