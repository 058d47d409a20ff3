package logs_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// fakeEngine keeps logs as an engine does: stamped messages in a file for each container that outlives restarts, streams that end when
// the container stops, events for those who subscribed before.
type fakeEngine struct {
	mu         sync.Mutex
	changed    *sync.Cond
	order      []string
	containers map[string]*fakeContainer
	watchers   []*fakeWatcher
	served     int // messages sent in all streams

	listErr   error
	eventsErr error
}

var _ logs.Source = (*fakeEngine)(nil)

type fakeContainer struct {
	id, name    string
	labels      map[string]string
	running     bool
	tty         bool
	messages    []message
	cuts        int   // streams to be cut
	cutAfter    int   // messages
	unreadable  error // for ContainerLogs
	abrupt      bool  // a stream that follows ends with the container, whatever it has left
	replayAfter int   // messages after which a stream that follows begins again once
}

type message struct {
	at     time.Time
	stream byte
	text   string
}

type fakeWatcher struct {
	ctx  context.Context
	msgs chan events.Message
	errs chan error
}

func newEngine() *fakeEngine {
	e := &fakeEngine{containers: make(map[string]*fakeContainer)}
	e.changed = sync.NewCond(&e.mu)
	return e
}

// create adds a container p-<service>-<n>; its ID is its name.
func (e *fakeEngine) create(service string, n int) *fakeContainer {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := fmt.Sprintf("p-%s-%d", service, n)
	c := &fakeContainer{id: name, name: name, labels: map[string]string{
		"com.docker.compose.project": "p", "com.docker.compose.service": service, "com.docker.compose.container-number": strconv.Itoa(n),
		"com.docker.compose.oneoff": "False",
	}}
	e.order = append(e.order, c.id)
	e.containers[c.id] = c
	return c
}

func (e *fakeEngine) change(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	do()
	e.changed.Broadcast()
}

// out and err write a message; it is a whole line if it ends with a newline.
func (e *fakeEngine) out(c *fakeContainer, at time.Time, text string) { e.write(c, 1, at, text) }
func (e *fakeEngine) err(c *fakeContainer, at time.Time, text string) { e.write(c, 2, at, text) }

func (e *fakeEngine) write(c *fakeContainer, stream byte, at time.Time, text string) {
	e.change(func() { c.messages = append(c.messages, message{at, stream, text}) })
}

func (e *fakeEngine) start(c *fakeContainer) {
	e.change(func() { c.running = true; e.publish(c, events.ActionStart) })
}

func (e *fakeEngine) stop(c *fakeContainer) {
	e.change(func() { c.running = false; e.publish(c, events.ActionDie) })
}

func (e *fakeEngine) remove(c *fakeContainer) {
	e.change(func() {
		delete(e.containers, c.id)
		e.order = slices.DeleteFunc(e.order, func(id string) bool { return id == c.id })
		c.running = false
		e.publish(c, events.ActionDestroy)
	})
}

// breakEvents ends all subscriptions.
func (e *fakeEngine) breakEvents() {
	e.change(func() {
		for _, w := range e.watchers {
			w.errs <- io.ErrUnexpectedEOF
		}
		e.watchers = nil
	})
}

func (e *fakeEngine) publish(c *fakeContainer, action events.Action) {
	attributes := maps.Clone(c.labels)
	attributes["name"] = c.name
	for _, w := range e.watchers {
		if w.ctx.Err() == nil {
			w.msgs <- events.Message{Type: events.ContainerEventType, Action: action, Actor: events.Actor{ID: c.id, Attributes: attributes}}
		}
	}
}

func (e *fakeEngine) Events(ctx context.Context, o events.ListOptions) (<-chan events.Message, <-chan error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := &fakeWatcher{ctx: ctx, msgs: make(chan events.Message, 100), errs: make(chan error, 1)}
	if !o.Filters.ExactMatch("label", "com.docker.compose.project=p") || !o.Filters.Contains("event") {
		w.errs <- errors.New("test: events without a filter")
	} else if e.eventsErr != nil {
		w.errs <- e.eventsErr
	} else {
		e.watchers = append(e.watchers, w)
	}
	return w.msgs, w.errs
}

func (e *fakeEngine) ContainerList(_ context.Context, o container.ListOptions) ([]container.Summary, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !o.All || !o.Filters.ExactMatch("label", "com.docker.compose.project=p") {
		return nil, errors.New("test: listing without the project")
	}
	var list []container.Summary
	for _, id := range e.order {
		c := e.containers[id]
		state := container.StateExited
		if c.running {
			state = container.StateRunning
		}
		list = append(list, container.Summary{ID: id, Names: []string{"/other/" + c.name, "/" + c.name}, Labels: c.labels, State: state})
	}
	return list, e.listErr
}

func (e *fakeEngine) ContainerInspect(_ context.Context, id string) (container.InspectResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.containers[id]
	if c == nil {
		return container.InspectResponse{}, fmt.Errorf("no such container: %s: %w", id, errdefs.ErrNotFound)
	}
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{ID: id, State: &container.State{Running: c.running}},
		Config:            &container.Config{Tty: c.tty},
	}, nil
}

func (e *fakeEngine) ContainerLogs(ctx context.Context, id string, o container.LogsOptions) (io.ReadCloser, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.containers[id]
	switch {
	case c == nil:
		return nil, fmt.Errorf("no such container: %s: %w", id, errdefs.ErrNotFound)
	case c.unreadable != nil:
		return nil, c.unreadable
	case !o.Timestamps || !o.ShowStdout || !o.ShowStderr:
		return nil, errors.New("test: logs without what is needed")
	}
	first := 0
	if n, err := strconv.Atoi(o.Tail); err == nil {
		first = max(0, len(c.messages)-n)
	}
	s := &fakeStream{e: e, c: c, o: o, next: first, follow: o.Follow && c.running}
	if c.cuts > 0 {
		c.cuts--
		s.cut = c.cutAfter
	}
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() {
		_ = r.CloseWithError(ctx.Err())
		e.change(func() { s.closed = true })
	})
	go func() {
		defer stop()
		_ = w.CloseWithError(s.send(w))
	}()
	return fakeBody{r, func() { e.change(func() { s.closed = true }) }}, nil
}

type fakeBody struct {
	*io.PipeReader
	closed func()
}

func (b fakeBody) Close() error {
	b.closed()
	return b.PipeReader.Close()
}

type fakeStream struct {
	e      *fakeEngine
	c      *fakeContainer
	o      container.LogsOptions
	next   int
	follow bool
	closed bool
	cut    int // break after so many messages, if not 0
}

// send returns nil where the engine ends a stream in order.
func (s *fakeStream) send(w io.Writer) error {
	for sent := 0; ; sent++ {
		m, ok := s.wait()
		if !ok {
			return nil
		}
		if s.cut > 0 && sent == s.cut {
			return io.ErrUnexpectedEOF
		}
		if _, err := w.Write(s.encode(m)); err != nil {
			return err
		}
	}
}

func (s *fakeStream) wait() (message, bool) {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	for {
		if s.follow && s.c.abrupt && !s.c.running {
			return message{}, false
		}
		if s.follow && s.c.replayAfter > 0 && s.next == s.c.replayAfter {
			s.c.replayAfter, s.next = 0, 0
		}
		for s.next < len(s.c.messages) {
			m := s.c.messages[s.next]
			s.next++
			if s.o.Since != "" && m.at.Before(parseTime(s.o.Since)) || s.o.Until != "" && m.at.After(parseTime(s.o.Until)) {
				continue
			}
			s.e.served++
			return m, true
		}
		if !s.follow || !s.c.running || s.closed {
			return message{}, false
		}
		s.e.changed.Wait()
	}
}

const stampLayout = "2006-01-02T15:04:05.000000000Z07:00"

func (s *fakeStream) encode(m message) []byte {
	payload := m.at.UTC().Format(stampLayout) + " " + m.text
	if s.c.tty {
		return []byte(payload)
	}
	return frame(m.stream, payload)
}

func frame(stream byte, payload string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{stream, 0, 0, 0}, uint32(len(payload)))
	return append(b, payload...)
}

func parseTime(text string) time.Time {
	seconds, nanos, _ := strings.Cut(text, ".")
	s, _ := strconv.ParseInt(seconds, 10, 64)
	n, _ := strconv.ParseInt(nanos, 10, 64)
	return time.Unix(s, n)
}
