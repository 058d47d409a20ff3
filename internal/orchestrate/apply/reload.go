package apply

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// reloading is a reload under way.
type reloading struct{ *steps.ReloadContainer }

func reloadContainer(ctx context.Context, w Engine, step *steps.ReloadContainer) error {
	a := reloading{step}
	var old []string
	err := a.whileLeaving(ctx, w, a.tried(), func(noticed func() error) (err error) {
		if err := a.prepare(ctx, w); err != nil {
			return err
		}
		if err := noticed(); err != nil {
			return err
		}
		old, err = a.signal(ctx, w)
		return err
	})
	if err == nil && a.Drain > 0 {
		err = a.drain(ctx, w, old)
	}
	if err != nil && !observe.NotRunning(err) {
		return err
	} // one between two restarts, perhaps because it lacks this very config, reads it when it starts
	return a.write(ctx, w, a.Files, steps.Marked)
}

// prepare checks the configs and writes them.
func (a reloading) prepare(ctx context.Context, w Engine) error {
	if err := a.check(ctx, w); err != nil {
		return err
	}
	if a.Undoable {
		old, err := configs.ReadFiles(ctx, w, a.Name, a.Files)
		if err != nil {
			return err
		}
		a.Old = old
	}
	return a.write(ctx, w, a.Files, steps.Written)
}

// signal makes the program read its configs; old are the workers that have the old ones, where they are waited for.
func (a reloading) signal(ctx context.Context, w Engine) (old []string, err error) {
	if a.Drain > 0 || a.Leaving != "" {
		if old, err = workers(ctx, w, a.Name); err != nil {
			return nil, err
		}
	}
	if err := w.ContainerKill(ctx, a.Name, a.Signal); err != nil || a.Leaving == "" {
		return old, err
	}
	return old, a.takenOver(ctx, w, old)
}

// tried is the config that is to be checked, under another name; none where there is nothing to check.
func (a reloading) tried() []configs.File {
	i := slices.IndexFunc(a.Files, func(f configs.File) bool { return f.Path == a.Checked })
	if len(a.Check) == 0 || i < 0 {
		return nil
	}
	f := a.Files[i]
	dir, name := path.Split(f.Path)
	f.Path = dir + "." + name + ".tried"
	return []configs.File{f}
}

// check tries the config that is to be read, which is written by now.
func (a reloading) check(ctx context.Context, w Engine) error {
	files := a.tried()
	if len(files) == 0 {
		return nil
	}
	tried := files[0]
	command := make([]string, len(a.Check))
	for i, word := range a.Check {
		command[i] = strings.ReplaceAll(word, "{file}", tried.Path)
	}
	output, code, err := w.RunCommand(ctx, a.Name, command)
	if observe.NotRunning(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("checking %q: %w", a.Checked, err)
	}
	if code != 0 {
		output = strings.ReplaceAll(strings.TrimSpace(output), tried.Path, a.Checked)
		return fmt.Errorf("checking %q: %s ended with %d, so that the old one stays: %s", a.Checked, a.Check[0], code, output)
	}
	return nil
}

func (a reloading) write(ctx context.Context, w Engine, files []configs.File, what steps.Parts) error {
	for _, files := range steps.ByDir(files) {
		if err := writeFiles(ctx, w, steps.WriteFiles{Container: a.Name, Files: files, Parts: what, MakeDirs: a.MakeDirs}); err != nil {
			return err
		}
	}
	return nil
}

// drainPoll is how often processes are listed: the engine runs a program for it.
const drainPoll = 50 * time.Millisecond

// drain waits until the old workers have ended: nginx ends one when its last request is answered. Where none of them goes
// and none is new, the program has not taken the configs.
func (a reloading) drain(ctx context.Context, w Engine, old []string) error {
	limited, cancel := context.WithTimeout(ctx, a.Drain)
	defer cancel()
	var now []string
	err := poll.Until(limited, drainPoll, func(ctx context.Context) (bool, error) {
		if len(old) == 0 {
			return false, nil // they cannot be listed: the whole time is theirs
		}
		var err error
		now, err = workers(ctx, w, a.Name)
		return len(now) > 0 && !slices.ContainsFunc(old, func(pid string) bool { return slices.Contains(now, pid) }), err
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	case len(old) > 0 && len(now) > 0 && !slices.ContainsFunc(now, func(pid string) bool { return !slices.Contains(old, pid) }):
		return fmt.Errorf("it did not start new workers within %s: see `stackctl logs`", a.Drain)
	}
	return nil
}

// workers lists the processes that a container's first one has started; none where the engine's host has no ps.
func workers(ctx context.Context, w Engine, name string) (found []string, err error) {
	info, err := w.ContainerInspect(ctx, name)
	if err != nil {
		return nil, err
	}
	top, err := w.ContainerTop(ctx, name, nil)
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "error running ps") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing its processes: %w", err)
	}
	pid, parent := slices.Index(top.Titles, "PID"), slices.Index(top.Titles, "PPID")
	for _, process := range top.Processes {
		if pid >= 0 && parent >= 0 && max(pid, parent) < len(process) && process[parent] == fmt.Sprint(info.State.Pid) {
			found = append(found, process[pid])
		}
	}
	return found, nil
}
