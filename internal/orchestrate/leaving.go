package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// nginx closes, when it reads its configs again, the connections that are idle between two requests. A client that sends
// a request in that moment gets no answer, and one that repeats nothing has a failed request. So for a while before, and
// until the new workers serve, every answer says `Connection: close`: by then no client has an idle connection. The sign for
// it is a file that is executable: the engine can write files, but remove none.
//
// One that stays, after a kill -9, costs only connections, and the next run reloads and takes it away.

var (
	// LeavingNotice is how long before a reload clients are told: those whose pauses are shorter hear of it. Tests shorten it.
	LeavingNotice = 500 * time.Millisecond
	// leavingRest is how long after new workers have come the old ones take connections at most: nginx starts the new ones,
	// rests for 100 ms, and tells the old ones.
	leavingRest = 500 * time.Millisecond
	// takeoverLimit bounds the wait for new workers; whether they have come is not decided here.
	takeoverLimit = 5 * time.Second
)

// whileLeaving lets every answer close its connection until the configs are read. noticed waits until that has been so for
// long enough.
func (a *reloadContainer) whileLeaving(ctx context.Context, w Writer, read func(noticed func() error) error) (err error) {
	if a.Leaving == "" {
		return read(func() error { return nil })
	}
	defer func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), CallLimit)
		defer cancel()
		if left := a.sign(limited, w, false); err == nil {
			err = left
		}
	}()
	if err := a.sign(ctx, w, true); err != nil {
		return err
	}
	timer := time.NewTimer(LeavingNotice)
	defer timer.Stop()
	return read(func() error {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func (a *reloadContainer) sign(ctx context.Context, w Writer, on bool) error {
	f := File{Path: a.Leaving, Mode: 0o444}
	if on {
		f.Mode, f.Content = 0o555, "connections are being closed, for a reload\n"
	}
	if err := (writeFiles{Container: a.Name, Files: []File{f}, Parts: written, MakeDirs: a.MakeDirs}).apply(ctx, w); err != nil {
		return fmt.Errorf("writing %q, which x-stackctl.leaving names: %w", a.Leaving, err)
	}
	return nil
}

// takenOver waits until new workers take the connections, and the old ones none.
func (a *reloadContainer) takenOver(ctx context.Context, w Writer, old []string) error {
	limited, cancel := context.WithTimeout(ctx, takeoverLimit)
	defer cancel()
	var since time.Time
	err := poll(limited, drainPoll, func(ctx context.Context) (bool, error) {
		now, err := workers(ctx, w, a.Name)
		isOld := func(pid string) bool { return slices.Contains(old, pid) }
		if since.IsZero() && slices.ContainsFunc(now, func(pid string) bool { return !isOld(pid) }) {
			since = time.Now()
		}
		return !since.IsZero() && (!slices.ContainsFunc(now, isOld) || time.Since(since) >= leavingRest), err
	})
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
