package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// measureLimit bounds one measurement; Compose waits half a minute for three healthchecks every 10 s, one after another.
const measureLimit = 3 * time.Minute

// bench is everything that the measurements share.
type bench struct {
	options
	engine     *engine.Engine
	dir        string // temporary files; containers read from it
	progress   io.Writer
	rows       []*row
	contenders []*contender
	composes   []string // those found, with their versions
	skipped    []string // contenders that are not to be had here, and why
}

// contender is one column: a tool with a stack, in a project of its own.
type contender struct {
	name    string
	project string
	port    int
	note    string
}

// measure returns one sample, in its row's unit.
type measure func(ctx context.Context) (float64, error)

// timed turns a duration into a measure.
func timed(f func(ctx context.Context) (time.Duration, error)) measure {
	return func(ctx context.Context) (float64, error) {
		d, err := f(ctx)
		return float64(d) / float64(time.Millisecond), err
	}
}

// measureAll sets everything up, measures, and removes everything again.
func measureAll(ctx context.Context, o options, progress io.Writer) (*report, error) {
	counts := o.count != "no" && o.dash != "only" && o.changes != "only"
	if counts {
		if err := needCountTools(); err != nil {
			return nil, err
		}
	}
	eng, err := engine.Connect(ctx, engine.Target{})
	if err != nil {
		return nil, err
	}
	defer eng.Close()
	b := &bench{options: o, engine: eng, progress: progress, rows: tableRows()}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, fmt.Errorf("creating a temporary folder: %w", err)
	}
	defer os.RemoveAll(b.dir)
	if err := os.Chmod(b.dir, 0o755); err != nil { // nginx, who is not us, reads its configuration there
		return nil, fmt.Errorf("opening the temporary folder: %w", err)
	}
	defer b.purgeAll(ctx)
	binary, err := b.copyBinary()
	if err != nil {
		return nil, err
	}
	r := &report{bench: b}
	if o.dash != "only" && o.count != "only" && o.changes != "only" {
		if r, err = b.measureStack(ctx, binary); err != nil {
			return nil, err
		}
	}
	if o.dash != "no" && o.count != "only" && o.changes != "only" {
		if r.dash, err = b.measureDash(ctx, binary); err != nil {
			return nil, err
		}
	}
	if o.changes != "no" && o.dash != "only" && o.count != "only" {
		if r.changes, err = b.measureChanges(ctx, binary); err != nil {
			return nil, err
		}
	}
	if counts {
		if r.count, err = b.measureCount(ctx, binary); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// measureStack makes the table of what a stack costs.
func (b *bench) measureStack(ctx context.Context, binary string) (*report, error) {
	facts := machineFacts(ctx, b.engine)
	if err := b.setUp(ctx, binary); err != nil {
		return nil, err
	}
	if len(b.composes) > 0 {
		facts = append(facts, fact{"Compose", strings.Join(b.composes, ", ")})
	}
	for i := range b.runs {
		for _, c := range b.contenders {
			if err := b.measureOne(ctx, c, i); err != nil {
				return nil, err
			}
		}
	}
	return &report{bench: b, facts: facts, commit: commit(ctx)}, nil
}

// setUp makes the list of contenders and fills the rows with their measures.
func (b *bench) setUp(ctx context.Context, binary string) error {
	ours, err := b.addStackctl(ctx, binary)
	if err != nil {
		return err
	}
	defer func() { _ = b.purge(ctx, ours.project) }()
	// What the floor creates is what stackctl has created.
	if _, err := ours.up(ctx); err != nil {
		return err
	}
	if err := b.addFloor(ctx, ours); err != nil {
		return err
	}
	return b.addComposes(ctx, ours)
}

// copyBinary keeps a build that goes on meanwhile from changing what is measured.
func (b *bench) copyBinary() (string, error) {
	data, err := os.ReadFile(b.stackctl)
	if err != nil {
		return "", fmt.Errorf("reading the binary: %w; build it with `make build`", err)
	}
	copied := filepath.Join(b.dir, "stackctl")
	return copied, os.WriteFile(copied, data, 0o755)
}

// add makes a contender, unless -only leaves it out: then it is nil.
func (b *bench) add(name, project, note string) (*contender, error) {
	if b.only != nil && len(b.contenders) > 0 && !b.only.MatchString(name) {
		return nil, nil
	}
	port, err := freePort(b.contenders)
	if err != nil {
		return nil, err
	}
	c := &contender{name: name, project: project, port: port, note: note}
	b.contenders = append(b.contenders, c)
	return c, nil
}

// measureOne takes a contender, from nothing, through all rows. A measure that fails ends the contender's turn, and only
// that: the table says so.
func (b *bench) measureOne(ctx context.Context, c *contender, i int) error {
	if err := b.purge(ctx, c.project); err != nil {
		return err
	}
	fmt.Fprintf(b.progress, "run %d of %d, %s:", i+1, b.runs, c.name)
	defer fmt.Fprintln(b.progress)
	for _, r := range b.rows {
		m, ok := r.by[c.name]
		if !ok || (r.once && i > 0) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, measureLimit)
		value, err := m(limited)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			reason := strings.ReplaceAll(err.Error(), b.dir, "…")
			fmt.Fprintf(b.progress, "\n  %s failed: %s", r.key, reason)
			r.failures[c.name] = append(r.failures[c.name], fmt.Sprintf("%s, %s, run %d: %s", c.name, r.title, i+1, lastLine(reason)))
			break
		}
		r.samples[c.name] = append(r.samples[c.name], value)
		fmt.Fprintf(b.progress, " %s %s,", r.key, r.unit.format(value))
	}
	return b.purge(ctx, c.project)
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

// purgeAll removes whatever is left, even after Ctrl-C.
func (b *bench) purgeAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	var errs []error
	for _, c := range b.contenders {
		errs = append(errs, b.purge(ctx, c.project))
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(b.progress, "bench: cleaning up:", err)
	}
}
