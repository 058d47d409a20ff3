// Package attach gives what the containers of a project print: all of it, in order, from before their start until they have ended.
//
// A container that is started through Session.Writer is attached before, so that its first byte is not missed. One that the engine starts again
// cannot be attached meanwhile; what it prints then is read from its log.
package attach

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/events"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// Source is the engine.
type Source interface {
	ContainerAttach(ctx context.Context, id string, o container.AttachOptions) (types.HijackedResponse, error)
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
	ContainerList(ctx context.Context, o container.ListOptions) ([]container.Summary, error)
	ContainerLogs(ctx context.Context, id string, o container.LogsOptions) (io.ReadCloser, error)
	events.Source
}

// Output is what one container has printed, or that it has ended.
type Output struct {
	Service string
	Number  int // from 1
	Stderr  bool
	Lines   []byte // whole lines, untrusted, as they were printed
	Exit    *Exit
}

// Exit is the end of a container, or of one run of it.
type Exit struct {
	Service    string
	Number     int
	Code       int
	Restarting bool // the engine starts it again
	gone       bool // it was removed before it ran
}

// Options say whose output is wanted, and who gets it.
type Options struct {
	Project string
	Wanted  func(service string) bool
	Print   func(Output)                 // called by one goroutine; the containers wait for it when maxQueued outputs are ahead
	Flush   func()                       // called when nothing waits to be printed
	Warn    func(name string, err error) // hears what goes wrong without ending the session
}

// maxQueued bounds what is read ahead of Print, in pieces of about batchSize: the engine gives a program that has ended two seconds
// to hand over what it has printed, and reading must not wait for a slow terminal then.
const maxQueued = 512

// Session follows the wanted containers.
type Session struct {
	Options
	src     Source
	ctx     context.Context // of all that it reads; ends with Close
	cancel  context.CancelFunc
	out     chan Output
	exits   chan Exit
	readers sync.WaitGroup // the followers, and the one of events
	printed chan struct{}

	mu        sync.Mutex
	followers map[string]*follower // by container ID
	live      int                  // followers whose end Next has not told
	adopting  bool                 // containers that others start are followed, too
}

// Open subscribes to the project's events. Close ends the session.
func Open(ctx context.Context, src Source, o Options) *Session {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // what containers print while they are stopped, too
	s := &Session{
		Options: o, src: src, ctx: ctx, cancel: cancel, out: make(chan Output, maxQueued), exits: make(chan Exit, maxEvents), printed: make(chan struct{}),
		followers: map[string]*follower{},
	}
	go s.print()
	s.follow()
	return s
}

// Close ends all reading; what was read is printed first.
func (s *Session) Close() {
	s.cancel()
	s.readers.Wait()
	close(s.out)
	<-s.printed
}

func (s *Session) print() {
	defer close(s.printed)
	for o := range s.out {
		s.Print(o)
		if len(s.out) == 0 {
			s.Flush()
		}
	}
	s.Flush()
}

// Next waits for the next end of a container. It returns io.EOF when all have ended.
func (s *Session) Next(ctx context.Context) (Exit, error) {
	for s.count(0) > 0 {
		select {
		case e := <-s.exits:
			if !e.Restarting {
				s.count(-1)
			}
			if !e.gone {
				return e, nil
			}
		case <-ctx.Done():
			return Exit{}, ctx.Err()
		}
	}
	return Exit{}, io.EOF
}

func (s *Session) count(n int) (live int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live += n
	return s.live
}

// Begun reports whether any container was attached.
func (s *Session) Begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.followers) > 0
}

// Writer is an engine that attaches to each wanted container before it starts it.
func (s *Session) Writer(w apply.Engine) apply.Engine { return writer{w, s} }

type writer struct {
	apply.Engine
	s *Session
}

func (w writer) ContainerStart(ctx context.Context, ref string, o container.StartOptions) error {
	if err := w.s.attachTo(ctx, ref); err != nil && ctx.Err() == nil {
		w.s.Warn(ref, err) // Adopt tries again
	}
	return w.Engine.ContainerStart(ctx, ref, o)
}

// Adopt follows the wanted containers that run already, from now on, and those that anybody starts from here on.
func (s *Session) Adopt(ctx context.Context) error {
	s.mu.Lock()
	s.adopting = true
	s.mu.Unlock()
	list, err := s.alive(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := s.attachTo(ctx, c.ID); err != nil {
			s.Warn(c.Service, err)
		}
	}
	return ctx.Err()
}

// alive lists the project's containers that have a process.
func (s *Session) alive(ctx context.Context) ([]observe.Container, error) {
	list, err := observe.Containers(ctx, s.src, s.Project)
	return slices.DeleteFunc(list, func(c observe.Container) bool { return !c.Alive() }), err
}

// attachTo begins to follow a container that is wanted and not yet followed.
func (s *Session) attachTo(ctx context.Context, ref string) error {
	info, err := s.src.ContainerInspect(ctx, ref)
	if err != nil {
		return fmt.Errorf("inspecting container %q: %w", ref, err)
	}
	f, isNew := s.newFollower(info)
	if !isNew {
		return nil
	}
	if info.State.Restarting { // the engine refuses to attach to it
		f.begin(nil)
		return nil
	}
	stream, err := s.src.ContainerAttach(f.ctx, info.ID, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		s.forget(f)
		return fmt.Errorf("attaching to container %q: %w", ref, err)
	}
	if info.State.Running && !s.stillRuns(ctx, info.ID) { // what has ended before it was attached has no more to say
		stream.Close()
		s.forget(f)
		return nil
	}
	f.begin(attached{stream})
	return nil
}

func (s *Session) stillRuns(ctx context.Context, id string) bool {
	info, err := s.src.ContainerInspect(ctx, id)
	return err == nil && info.State.Running
}

// newFollower makes the follower of a container, unless there is one or it is not wanted.
func (s *Session) newFollower(info container.InspectResponse) (f *follower, isNew bool) {
	if info.ContainerJSONBase == nil || info.State == nil || info.Config == nil {
		return nil, false
	}
	service, number, ok := s.wanted(info.Config.Labels)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || s.followers[info.ID] != nil {
		return nil, false
	}
	f = &follower{s: s, id: info.ID, service: service, number: number, tty: info.Config.Tty, events: make(chan events.Event, maxEvents)}
	f.ctx, f.cancel = context.WithCancel(s.ctx)
	f.lines = &lines{emit: func(stderr bool, text []byte) {
		f.send(Output{Service: service, Number: number, Stderr: stderr, Lines: text})
	}}
	if at, err := time.Parse(time.RFC3339Nano, info.State.FinishedAt); err == nil && at.Unix() > 0 {
		f.lines.seen = at // of its log, the runs before are of no interest
	} else {
		f.lines.seen = time.Unix(0, 0)
	}
	s.followers[info.ID] = f
	s.live++
	return f, true
}

// forget takes back what newFollower did.
func (s *Session) forget(f *follower) {
	f.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.followers, f.id)
	s.live--
}

// attached is the stream of an attached container.
type attached struct{ types.HijackedResponse }

func (a attached) Read(p []byte) (int, error) { return a.Reader.Read(p) }
func (a attached) Close() error               { a.HijackedResponse.Close(); return nil }
