package apply

import (
	"context"
	"errors"
	"slices"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// nginx closes, when it reads its configs again, the connections that are idle between two requests. A client that sends
// a request in that moment gets no answer, and one that repeats nothing has a failed request. So for a while before, and
// until the new workers serve, every answer says `Connection: close`: by then no client has an idle connection. The sign for
// it is a file that is executable: the engine can write files, but remove none.
//
// One that stays, after a kill -9, costs only connections, and the next run reloads and takes it away.

const (
	// leavingRest is how long after new workers have come the old ones take connections at most: nginx starts the new ones,
	// rests for 100 ms, and tells the old ones.
	leavingRest = 500 * time.Millisecond
	// takeoverLimit bounds the wait for new workers; whether they have come is not decided here.
	takeoverLimit = 5 * time.Second
)

// whileLeaving lets every answer close its connection until the configs are read. It writes the files that are to be tried, too:
// each write costs the engine some 75 ms of processor time. noticed waits until the sign has been there for long enough.
func (a reloading) whileLeaving(ctx context.Context, w Engine, tried []configs.File, read func(noticed func() error) error) (err error) {
	if a.Leaving == "" {
		if err := a.write(ctx, w, tried, steps.Written); err != nil {
			return err
		}
		return read(func() error { return nil })
	}
	defer func() {
		if left := a.write(context.WithoutCancel(ctx), w, []configs.File{a.sign(false)}, steps.Written); err == nil {
			err = left
		}
	}()
	if err := a.write(ctx, w, append(tried, a.sign(true)), steps.Written); err != nil {
		return err
	}
	timer := time.NewTimer(a.Notice)
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

func (a reloading) sign(on bool) configs.File {
	if on {
		return configs.File{Path: a.Leaving, Mode: 0o555, Content: "connections are being closed, for a reload\n"}
	}
	return configs.File{Path: a.Leaving, Mode: 0o444}
}

// takenOver waits until new workers take the connections, and the old ones none.
func (a reloading) takenOver(ctx context.Context, w Engine, old []string) error {
	limited, cancel := context.WithTimeout(ctx, takeoverLimit)
	defer cancel()
	var since time.Time
	err := poll.Until(limited, drainPoll, func(ctx context.Context) (bool, error) {
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
