package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/bench/screen"
)

const (
	// dashWidth and dashHeight are the terminal's size, in cells.
	dashWidth, dashHeight = 120, 40
	// dashSettle is how long a dashboard may take until it is called idle.
	dashSettle = 5 * time.Second
	// firstLimit bounds the wait for anything that should be on the screen at once.
	firstLimit = 30 * time.Second
	// dashMany is the number of containers in a crowded project.
	dashMany = 50
	// oldLines is how much there was before the dashboard came.
	oldLines = 500_000
)

// peers are dashboards of others, and what each shows once it has looked at the engine.
var peers = []string{"lazydocker", "ctop"}

// dashboard measures `stackctl dash` from outside, in a terminal. Its table has its own rows and columns.
type dashboard struct {
	*bench         // the table, and the engine
	binary  string // stackctl
	project string // the embedded stack
	many    string // project of dashMany containers
	nothing string // the empty bubbletea program
	period  time.Duration
	rate    int
	notes   []fact
	web     string // the web tier's image
	restore func(ctx context.Context, used string) error
}

// measureDash makes the section about the dashboard.
func (b *bench) measureDash(ctx context.Context, binary string) (*report, error) {
	table := &bench{options: b.options, engine: b.engine, dir: b.dir, progress: b.progress, rows: dashRows()}
	d := &dashboard{
		bench: table, binary: binary, project: projectPrefix + "dash", many: projectPrefix + "many",
		period: time.Duration(b.dashSeconds) * time.Second, rate: b.dashRate,
	}
	facts := machineFacts(ctx, b.engine)
	d.note("terminal", fmt.Sprintf("%d x %d, xterm-256color", dashWidth, dashHeight))
	d.note("period", d.period.String())
	defer d.cleanUp(ctx)
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"start", d.measureStarts}, {"idle", d.measureIdle}, {"flood", d.measureFlood}, {"old log", d.measureOld}, {"50 containers", d.measureMany},
	} {
		if b.dashPart != "" && !strings.HasPrefix(part.name, b.dashPart) {
			continue
		}
		fmt.Fprintf(d.progress, "dashboard, %s:", part.name)
		err := part.run(ctx)
		fmt.Fprintln(d.progress)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			reason := strings.ReplaceAll(err.Error(), b.dir, "…")
			fmt.Fprintf(d.progress, "  failed: %s\n", reason)
			first, _, _ := strings.Cut(strings.Replace(reason, "; the screen shows:", "", 1), "\n")
			d.rows[0].failures[stackctlName] = append(d.rows[0].failures[stackctlName], part.name+": "+first)
		}
	}
	return &report{bench: table, facts: append(facts, d.notes...), commit: commit(ctx)}, nil
}

// prepare starts the stack, builds what is needed, and lists the columns.
func (d *dashboard) prepare(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, d.binary, "dash", "--help").CombinedOutput(); err != nil {
		return fmt.Errorf("asking stackctl for its dashboard: %w: %s", err, lastLine(string(out)))
	}
	var err error
	if d.nothing, err = d.build(ctx, "nothing"); err != nil {
		return err
	}
	if err := d.importFlood(ctx); err != nil {
		return err
	}
	d.contenders = []*contender{{name: stackctlName, project: d.project}, {name: nothingName, note: nothingNote}, {name: streamName, note: streamNote}}
	for _, name := range peers {
		if _, err := exec.LookPath(name); err != nil {
			d.skipped = append(d.skipped, name+": not on PATH")
			continue
		}
		d.contenders = append(d.contenders, &contender{name: name})
	}
	port, err := freePort(nil)
	if err != nil {
		return err
	}
	up := program{command: []string{d.binary, "--project-name", d.project, "--progress", "plain"}, dir: d.dir, env: append(d.environment(), "STACKCTL_PORT="+strconv.Itoa(port))}
	if d.restore, err = d.keepImages(ctx); err != nil {
		return err
	}
	if _, err = up.output(ctx, "up"); err != nil {
		return err
	}
	d.web, err = d.webImage(ctx, d.project)
	return err
}

func (d *dashboard) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	err := errors.Join(d.purge(ctx, d.project), d.purge(ctx, d.many), d.removeFlood(ctx))
	if d.web != "" {
		err = errors.Join(err, d.restore(ctx, d.web))
	}
	if err != nil {
		fmt.Fprintln(d.progress, "bench: cleaning up:", err)
	}
}

func (d *dashboard) row(key string) *row {
	return d.rows[slices.IndexFunc(d.rows, func(r *row) bool { return r.key == key })]
}

// record takes down a sample.
func (d *dashboard) record(key, column string, value float64) {
	r := d.row(key)
	r.samples[column] = append(r.samples[column], value)
	fmt.Fprintf(d.progress, " %s %s,", key, r.unit.format(value))
}

// command is the dashboard of a project.
func (d *dashboard) command(project string, flags ...string) []string {
	return append([]string{d.binary, "--project-name", project, "dash"}, flags...)
}

// open starts the dashboard of a project.
func (d *dashboard) open(ctx context.Context, project string, onFrame func(screen.Frame), flags ...string) (*screen.Screen, error) {
	return d.run(ctx, d.environment(), onFrame, d.command(project, flags...)...)
}

func (d *dashboard) run(ctx context.Context, env []string, onFrame func(screen.Frame), args ...string) (*screen.Screen, error) {
	return screen.Start(ctx, screen.Config{Args: args, Env: env, Dir: d.dir, Width: dashWidth, Height: dashHeight, OnFrame: onFrame})
}

// shows waits until a text is on the screen, and returns the time from the program's start, in ms.
func shows(ctx context.Context, s *screen.Screen, texts ...string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, firstLimit)
	defer cancel()
	at, err := s.Wait(ctx, fmt.Sprintf("%q", texts), func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return 0, err
	}
	return milli(at.Sub(s.Began)), nil
}

// note takes down what belongs to the table and has no row.
func (d *dashboard) note(name, value string) { d.notes = append(d.notes, fact{name, value}) }

// enginePID is the engine's process, 0 where it is not on this machine.
func enginePID() int {
	data, err := os.ReadFile("/var/run/docker.pid")
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}
