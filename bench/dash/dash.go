// Package dash measures `stackctl dash` from outside, in a terminal: its start, idle, in a flood of log lines, on old logs and on
// many containers.
package dash

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/bench/dash/screen"
	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/bench/rig"
)

const (
	// width and height are the terminal's size, in cells.
	width, height = 120, 40
	// idleAfter is how long a dashboard runs before it counts as idle.
	idleAfter = 5 * time.Second
	// firstLimit bounds the wait for anything that should be on the screen at once.
	firstLimit = 30 * time.Second
)

// Options say how long to watch.
type Options struct {
	Period time.Duration
	Growth bool // also watch the idle dashboard for 10 minutes
}

// dashboard has the state that the parts share.
type dashboard struct {
	*rig.Rig
	*report.Table
	Options
	project      string // the embedded stack
	flood, image string // a program that prints lines, and the image to run it in
	notes        []report.Fact
}

// Measure makes the section, with the parts that -only selects.
func Measure(ctx context.Context, r *rig.Rig, o Options) (report.Section, error) {
	section := r.Section(ctx, "dash", "The dashboard", reading)
	d := &dashboard{Rig: r, Options: o, project: r.Project("dash")}
	d.Table = &report.Table{Runs: r.Runs, Rows: rows(), Columns: []report.Column{{Name: report.Stackctl}}}
	d.note("terminal", fmt.Sprintf("%d x %d, xterm-256color", width, height))
	d.note("period", d.Period.String())
	port, err := r.Port()
	if err != nil {
		return section, err
	}
	if _, err := r.Stackctl(d.project, port).Output(ctx, "up"); err != nil {
		return section, err
	}
	if err := d.buildFlood(ctx); err != nil {
		return section, err
	}
	for _, part := range []struct {
		name, row string
		measure   func(context.Context) error
	}{
		{"start", rowFirst, d.measureStarts}, {"idle", rowIdleCPU, d.measureIdle}, {"flood", rowRate, d.measureFlood},
		{"old log", rowNew, d.measureOld}, {"50 containers", rowManyFirst, d.measureMany},
	} {
		if !r.Wants(part.name) {
			continue
		}
		fmt.Fprintf(d.Progress, "dashboard, %s:", part.name)
		err := part.measure(ctx)
		fmt.Fprintln(d.Progress)
		if ctx.Err() != nil {
			return section, ctx.Err()
		}
		if err != nil {
			fmt.Fprintln(d.Progress, "  failed:", err)
			d.Fail(part.row, report.Stackctl, "the part "+part.name, r.Short(err))
		}
	}
	section.Facts = append(section.Facts, d.notes...)
	section.Body = d.String()
	return section, nil
}

// note records a fact about the table that has no row.
func (d *dashboard) note(name, value string) {
	d.notes = append(d.notes, report.Fact{Name: name, Value: value})
}

// record records a sample, if there is one.
func (d *dashboard) record(row string, value float64) {
	if math.IsNaN(value) {
		return
	}
	fmt.Fprint(d.Progress, d.Record(row, report.Stackctl, value))
}

// open starts the dashboard of a project.
func (d *dashboard) open(ctx context.Context, project string, onFrame func(screen.Frame), flags ...string) (*screen.Screen, error) {
	return d.start(ctx, d.Program(d.Binary, "--project-name", project, "dash").On(flags...), onFrame)
}

func (d *dashboard) start(ctx context.Context, p rig.Program, onFrame func(screen.Frame)) (*screen.Screen, error) {
	return screen.Start(ctx, screen.Config{Args: p.Command, Env: p.Env, Dir: p.Dir, Width: width, Height: height, OnFrame: onFrame})
}

// shows waits until all texts are on the screen, and returns the time from the program's start, in ms.
func shows(ctx context.Context, s *screen.Screen, texts ...string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, firstLimit)
	defer cancel()
	at, err := s.Wait(ctx, fmt.Sprintf("%q", texts), func(screen string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(screen, text) })
	})
	return report.Milli(at.Sub(s.Began)), err
}
