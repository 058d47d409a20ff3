package redispane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/retry"
	"stackctl.dev/stackctl/internal/store"
)

const (
	// streamEvery is how often messages of a subscription are shown, however many come.
	streamEvery = 100 * time.Millisecond
	// maxStreamLines is how many are shown each time; more are counted.
	maxStreamLines = 200
)

// stream gathers the messages of SUBSCRIBE or MONITOR until they are shown.
type stream struct {
	wake chan struct{}

	mu      sync.Mutex
	lines   []string
	dropped int
	ended   bool
	err     error
}

type streamMsg struct {
	from    *stream
	lines   []string
	dropped int
	ended   bool
	err     error
}

func (s *stream) add(text string) {
	s.mu.Lock()
	for t := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if len(s.lines) == maxStreamLines {
			s.dropped++
			continue
		}
		s.lines = append(s.lines, t)
	}
	s.mu.Unlock()
	s.signal()
}

func (s *stream) end(err error) {
	s.mu.Lock()
	s.ended, s.err = true, err
	s.mu.Unlock()
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next waits for messages, gathers a moment more, and takes them.
func (s *stream) next(ctx context.Context) tea.Msg {
	select {
	case <-s.wake:
	case <-ctx.Done():
	}
	_ = retry.Wait(ctx, streamEvery, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	msg := streamMsg{s, s.lines, s.dropped, s.ended, s.err}
	s.lines, s.dropped = nil, 0
	return msg
}

// follow begins a stream; it is shown until esc or ctrl+c.
func (l *line) follow(args []string) tea.Cmd {
	ctx, cancel := context.WithCancel(l.ctx)
	s := &stream{wake: make(chan struct{}, 1)}
	l.work = &work{args: args, begun: l.o.Clock(), cancel: cancel, stream: s}
	l.say(remark, "receiving messages; esc or ctrl+c stops")
	read := func() tea.Msg {
		defer cancel()
		s.end(l.o.Session.Stream(ctx, args, func(r store.Reply) error {
			s.add(l.o.Format(args, r))
			return nil
		}))
		return nil
	}
	return tea.Batch(read, func() tea.Msg { return s.next(l.ctx) })
}

func (l *line) streamed(msg streamMsg) tea.Cmd {
	for _, text := range msg.lines {
		l.say(answer, text)
	}
	if msg.dropped > 0 {
		l.say(remark, fmt.Sprintf("… %d more lines came and are not shown", msg.dropped))
	}
	if !msg.ended && l.ctx.Err() == nil { // the program has not ended
		return func() tea.Msg { return msg.from.next(l.ctx) }
	}
	if l.work != nil && l.work.stream == msg.from {
		l.work = nil
	}
	if msg.err != nil && !errors.Is(msg.err, context.Canceled) {
		l.say(failure, msg.err.Error())
	}
	l.say(remark, "the stream has ended; the next command opens a new connection")
	return nil
}
