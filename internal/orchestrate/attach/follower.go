package attach

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/events"
)

// follower reads what one container prints, one run after the other.
type follower struct {
	s       *Session
	id      string
	service string
	number  int
	tty     bool
	events  chan events.Event
	started atomic.Bool
	ctx     context.Context
	cancel  context.CancelFunc
	lines   *lines
}

// begin reads the stream of a run that has been attached; without one it waits for the next run.
func (f *follower) begin(stream io.ReadCloser) {
	f.s.readers.Go(func() {
		defer f.cancel()
		for ended := false; ; ended = f.end() {
			if stream == nil {
				if stream = f.nextRun(); stream == nil {
					if !ended {
						f.tell(Exit{gone: true})
					}
					return
				}
				f.lines.stamped = !f.tty
				if ended {
					f.s.count(1)
				}
			}
			f.read(stream)
			stream = nil
		}
	})
}

// end tells of the end of a run, and reports whether it is the container's.
func (f *follower) end() bool {
	ticker := time.NewTicker(again)
	defer ticker.Stop()
	for {
		exit := Exit{Service: f.service, Number: f.number}
		select {
		case <-f.ctx.Done():
			return false
		case e := <-f.events:
			if e.Action != events.Die {
				continue
			}
			exit.Code, _ = strconv.Atoi(e.Attributes["exitCode"])
			f.readRest()
			f.lines.seen = latest(f.lines.seen, e.Time)
			info, err := f.s.src.ContainerInspect(f.ctx, f.id)
			exit.Restarting = err == nil && (info.State.Restarting || info.State.Running || startedAfter(info, e.Time))
		case <-ticker.C: // in case the event was missed
			info, err := f.s.src.ContainerInspect(f.ctx, f.id)
			switch {
			case errdefs.IsNotFound(err):
			case err != nil || info.State.Running && !info.State.Restarting:
				continue
			default:
				exit.Code, exit.Restarting = info.State.ExitCode, info.State.Restarting
			}
			f.readRest()
		}
		f.lines.finish()
		f.tell(exit)
		return !exit.Restarting
	}
}

// startedAfter reports whether the container was started after a moment of the engine's clock.
func startedAfter(info container.InspectResponse, moment time.Time) bool {
	at, err := time.Parse(time.RFC3339Nano, info.State.StartedAt)
	return err == nil && at.After(moment)
}

// nextRun waits until the container is started again, and returns its log from there. Without another run it returns nil.
func (f *follower) nextRun() io.ReadCloser {
	for {
		select {
		case <-f.ctx.Done():
			return nil
		case e := <-f.events:
			if e.Action == events.Destroy {
				return nil
			}
			if e.Action != events.Start {
				continue
			}
		}
		if stream := f.log(true); stream != nil {
			return stream
		}
	}
}

// log opens the container's log where reading it ended.
func (f *follower) log(follow bool) io.ReadCloser {
	since := f.lines.seen
	stream, err := f.s.src.ContainerLogs(f.ctx, f.id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: follow, Timestamps: !f.tty, Since: fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond()),
	})
	if err != nil {
		if f.ctx.Err() == nil {
			f.s.Warn(f.service, fmt.Errorf("reading the log of a container that was started again: %w", err))
		}
		return nil
	}
	return stream
}

// readRest reads what a log has of a run that is over: the engine ends a log that is followed with the run, however far it has come.
func (f *follower) readRest() {
	if !f.lines.stamped {
		return
	}
	if stream := f.log(false); stream != nil {
		f.read(stream)
	}
}

// read hands on what a stream has until its end, in whole lines.
func (f *follower) read(stream io.ReadCloser) {
	stop := context.AfterFunc(f.ctx, func() { _ = stream.Close() })
	defer stop()
	defer stream.Close()
	read := f.lines.readFrames
	if f.tty {
		read = f.lines.readRaw
	}
	if err := read(stream); err != nil && f.ctx.Err() == nil {
		f.s.Warn(f.service, fmt.Errorf("reading what a container prints: %w", err))
	}
	f.lines.flush()
}

// tell says that a run has ended, after its last line.
func (f *follower) tell(e Exit) {
	if !e.gone {
		f.send(Output{Exit: &e})
	}
	select {
	case f.s.exits <- e:
	case <-f.s.ctx.Done():
	}
}

func (f *follower) send(o Output) {
	select {
	case f.s.out <- o:
	case <-f.s.ctx.Done():
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
