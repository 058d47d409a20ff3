package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
)

// reloadContainer makes a program read changed configs while it runs: they are checked, written and signalled, what
// still works with the old ones is given time to end, and they are marked as read.
type reloadContainer struct {
	Name   string
	Files  []File
	Signal string
	// Check ends with 0 where the config at Checked is good; "{file}" in it stands for the file that is tried. None
	// means that there is nothing to check with.
	Check   []string
	Checked string
	// Drain bounds the wait for the processes that have the old configs; 0 where nothing that they lead to goes away.
	Drain    time.Duration
	MakeDirs bool
	// Leaving is the file that is executable as long as answers are to close their connections; "" where the program knows none.
	Leaving string
	// Undoable keeps the old configs, which costs the engine some 70 ms.
	Undoable bool
	old      []File
}

func (a *reloadContainer) Verb() string   { return "reload container" }
func (a *reloadContainer) Object() string { return a.Name }
func (a *reloadContainer) limit() time.Duration {
	return CallLimit + LeavingNotice + takeoverLimit + a.Drain
}

func (a *reloadContainer) apply(ctx context.Context, w Writer) error {
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
	if err != nil && !notRunning(err) {
		return err
	} // one between two restarts, perhaps because it lacks this very config, reads it when it starts
	return a.write(ctx, w, a.Files, marked)
}

// prepare checks the configs and writes them.
func (a *reloadContainer) prepare(ctx context.Context, w Writer) error {
	if err := a.check(ctx, w); err != nil {
		return err
	}
	if a.Undoable {
		old, err := readFiles(ctx, w, a.Name, a.Files)
		if err != nil {
			return err
		}
		a.old = old
	}
	return a.write(ctx, w, a.Files, written)
}

// signal makes the program read its configs; old are the workers that have the old ones, where they are waited for.
func (a *reloadContainer) signal(ctx context.Context, w Writer) (old []string, err error) {
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

// undo reads the old configs again.
func (a *reloadContainer) undo() []Action {
	if a.old == nil {
		return nil
	}
	back := *a
	back.Files, back.old, back.Undoable, back.Check = a.old, nil, false, nil
	return []Action{&back}
}

// tried is the config that is to be checked, under another name; none where there is nothing to check.
func (a *reloadContainer) tried() []File {
	i := slices.IndexFunc(a.Files, func(f File) bool { return f.Path == a.Checked })
	if len(a.Check) == 0 || i < 0 {
		return nil
	}
	f := a.Files[i]
	dir, name := path.Split(f.Path)
	f.Path = dir + "." + name + ".tried"
	return []File{f}
}

// check tries the config that is to be read, which is written by now.
func (a *reloadContainer) check(ctx context.Context, w Writer) error {
	files := a.tried()
	if len(files) == 0 {
		return nil
	}
	tried := files[0]
	command := make([]string, len(a.Check))
	for i, word := range a.Check {
		command[i] = strings.ReplaceAll(word, "{file}", tried.Path)
	}
	output, code := "", 0
	err := Within(ctx, func(ctx context.Context) (err error) {
		output, code, err = w.RunCommand(ctx, a.Name, command)
		return err
	})
	if notRunning(err) {
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

func (a *reloadContainer) write(ctx context.Context, w Writer, files []File, what parts) error {
	for _, files := range byDir(files) {
		if err := (writeFiles{Container: a.Name, Files: files, Parts: what, MakeDirs: a.MakeDirs}).apply(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// drainPoll is how often processes are listed: the engine runs a program for it.
const drainPoll = 50 * time.Millisecond

// drain waits until the old workers have ended: nginx ends one when its last request is answered. Where none of them goes
// and none is new, the program has not taken the configs.
func (a *reloadContainer) drain(ctx context.Context, w Writer, old []string) error {
	limited, cancel := context.WithTimeout(ctx, a.Drain)
	defer cancel()
	var now []string
	err := poll(limited, drainPoll, func(ctx context.Context) (bool, error) {
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
func workers(ctx context.Context, w Writer, name string) (found []string, err error) {
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

// notRunning tells the engine's refusal to act on a container whose program is not there.
func notRunning(err error) bool {
	return errdefs.IsConflict(err) && (strings.Contains(err.Error(), "is not running") || strings.Contains(err.Error(), "is restarting"))
}

// maxConfig bounds a config that is read back, in bytes.
const maxConfig = 4 << 20

// readFiles reads files of a container; those that are not there are left out.
func readFiles(ctx context.Context, w Reader, name string, files []File) ([]File, error) {
	var found []File
	for _, f := range files {
		content, err := readFile(ctx, w, name, f.Path)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", f.Path, err)
		}
		f.Content = content
		found = append(found, f)
	}
	return found, nil
}

func readFile(ctx context.Context, w Reader, name, file string) (string, error) {
	archive, _, err := w.CopyFromContainer(ctx, name, file)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	return firstOf(io.LimitReader(archive, maxConfig))
}
