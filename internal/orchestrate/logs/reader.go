package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/retry"
)

const (
	tailAll  = -1
	bodySize = 32 << 10 // read-ahead of one response
	maxReady = 64       // lines pushed at once
)

// reader reads the log of one container into the merger.
type reader struct {
	s    *session
	id   string
	tail int           // of the first attach; later ones go on from seen
	kick chan struct{} // the container started, or is gone: look again
	out  *queue
	seen memory

	inspected, tty bool // a container's tty is for its whole life

	late behind
	jump bool // it begins again at the end of the log
}

func newReader(s *session, f found, tail int) *reader {
	out := s.merger.add(Line{Container: f.name, Service: f.service, Replica: f.replica})
	return &reader{s: s, id: f.id, tail: tail, kick: make(chan struct{}, 1), out: out, seen: memory{whole: tail < 0}, late: behind{limit: s.opts.Newest, now: time.Now}}
}

// run reads until the log is read (or, when following, the container is gone) or ctx ends.
func (r *reader) run(ctx context.Context) {
	defer r.s.forget(r.id)
	defer r.s.merger.set(r.out, ended)
	if !r.s.opts.Follow {
		if r.tail == 0 {
			return
		}
		if err := r.read(ctx, false); err != nil && !errdefs.IsNotFound(err) && ctx.Err() == nil {
			r.s.fail(r.out.from.Container, err)
		}
		return
	}
	var pause retry.Backoff
	for {
		before := r.seen.total
		err := r.attach(ctx)
		if errors.Is(err, errBehind) || errors.Is(err, errRepeats) {
			r.jump = r.late.limit > 0
			continue
		}
		if r.seen.total > before {
			pause.Reset()
		}
		r.s.merger.set(r.out, parked)
		if gone, waitErr := r.settle(ctx, err, &pause); gone || waitErr != nil {
			return
		}
	}
}

// attach reads what was not read yet, then what comes, until the engine ends the stream, as it does when the container stops.
//
// History is asked for apart, because its end is known: until then the merger waits for this container, and after it a container that says
// nothing does not hold up the others. What is written between two requests comes with the later one, which begins before where the
// earlier one ended.
func (r *reader) attach(ctx context.Context) error {
	if !r.jump { // else its history is what is left out
		r.s.merger.set(r.out, catchingUp)
		if err := r.read(ctx, false); err != nil {
			return err
		}
	}
	r.s.merger.set(r.out, live)
	if err := r.read(ctx, true); err != nil {
		return err
	}
	// The engine ends a log that is followed with the container, however far it has come.
	return r.read(ctx, false)
}

// settle decides after an attach how to go on, and waits for it: gone means that the container exists no more.
func (r *reader) settle(ctx context.Context, err error, pause *retry.Backoff) (gone bool, waitErr error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var state container.InspectResponse
	if err == nil {
		state, err = r.s.src.ContainerInspect(ctx, r.id)
	}
	switch {
	case errdefs.IsNotFound(err):
		return true, nil
	case err != nil:
		if ctx.Err() == nil {
			r.s.warn(r.out.from.Container, fmt.Errorf("reading logs of %q: %w", r.out.from.Container, err))
		}
		if errdefs.IsNotImplemented(err) { // its log driver cannot be read, until it is started with another
			break
		}
		return false, pause.Wait(ctx, r.kick)
	case state.State != nil && state.State.Running && !state.State.Restarting:
		// The connection was cut, or it started again since: its event may have been used up.
		return false, pause.Wait(ctx, r.kick)
	}
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-r.kick:
		return false, nil
	}
}

// read makes one request for the log and gives its new lines to the merger.
func (r *reader) read(ctx context.Context, follow bool) error {
	if err := r.inspect(ctx); err != nil {
		return err
	}
	opts, mute := r.request(follow)
	body, err := r.s.src.ContainerLogs(ctx, r.id, opts)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()

	r.seen.resume()
	var ready []Line // several lines that are here already are pushed at once
	push := func() error {
		if len(ready) == 0 {
			return nil
		}
		pushErr := r.s.merger.push(ctx, r.out, ready)
		ready = ready[:0]
		return pushErr
	}
	j := joiner{idle: push, emit: func(l Line) error {
		if follow && !r.jump && r.seen.goesBack(l.Time) {
			if err := r.lookBack(ctx); err != nil {
				return err
			}
		}
		if !r.seen.accept(l.Time) || mute {
			return nil
		}
		if follow && r.jump {
			r.jump, l.Skipped = false, r.late.landed(l.Time)
		}
		l.Container, l.Service, l.Replica = r.out.from.Container, r.out.from.Service, r.out.from.Replica
		ready = append(ready, l)
		if follow && r.late.line(l.Time) {
			return errBehind
		}
		if len(ready) < maxReady {
			return nil
		}
		return push()
	}}
	var src io.Reader = body
	if follow {
		src = &pacer{ctx: ctx, from: body}
	}
	br := bufio.NewReaderSize(src, bodySize)
	err = r.readInto(br, &j)
	if err == nil && ctx.Err() == nil && (follow || !r.s.opts.Follow) {
		err = j.flush()
	}
	if pushErr := push(); err == nil {
		err = pushErr
	}
	// A line that is cut off where history ends is not flushed: the next request brings all of it.
	if err == nil || r.seen.total > 0 {
		r.seen.begun = true
	}
	return err
}

func (r *reader) readInto(br *bufio.Reader, j *joiner) error {
	if r.tty {
		return readTTY(br, j)
	}
	return readFrames(br, j)
}

// inspect finds out how the log is framed.
func (r *reader) inspect(ctx context.Context) error {
	if r.inspected {
		return nil
	}
	c, err := r.s.src.ContainerInspect(ctx, r.id)
	if err != nil {
		return err
	}
	r.inspected, r.tty = true, c.Config != nil && c.Config.Tty
	return nil
}

// request builds the options; mute means that the lines are only remembered: with Tail 0 the last line is read to know where the log ends.
func (r *reader) request(follow bool) (o container.LogsOptions, mute bool) {
	o = container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow,
		Since: r.s.opts.Since, Until: r.s.opts.Until, Tail: "all",
	}
	if r.jump {
		o.Tail, o.Since = strconv.Itoa(jumpTail), ""
		return o, false
	}
	if r.seen.begun {
		if at, ok := r.seen.since(); ok {
			o.Since = engineTime(at)
		}
		return o, false
	}
	switch {
	case r.tail == 0:
		o.Tail, o.Since = "1", ""
		return o, true
	case r.tail > 0:
		o.Tail = strconv.Itoa(r.tail)
	}
	return o, false
}
