package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate/events"
)

// session is one run of Stream: the containers it knows, each with a reader, and the merger that the readers fill.
type session struct {
	src    Source
	opts   Options
	merger *merger
	group  errgroup.Group

	mu      sync.Mutex
	readers map[string]*reader // by container ID
	errs    []error            // of logs that could not be read

	warnMu sync.Mutex
}

func newSession(src Source, o Options) *session {
	return &session{src: src, opts: o, merger: newMerger(o.Follow, o.Window), readers: make(map[string]*reader)}
}

// run returns nil when all was read, the error of emit, or why it could not begin.
func (s *session) run(parent context.Context, emit func(Line) error) error {
	ctx, cancel := context.WithCancel(parent)
	defer func() {
		cancel()
		_ = s.group.Wait() // nothing in the group returns an error
	}()
	var sub *events.Subscription
	if s.opts.Follow {
		// Before the list: a container that starts after the list was made is then announced.
		sub = s.subscribe(ctx)
	}
	found, err := s.find(ctx)
	if err != nil {
		return err
	}
	s.add(ctx, found, s.opts.Tail)
	if sub != nil {
		s.group.Go(func() error {
			s.watch(ctx, sub)
			return nil
		})
	}
	buf := make([]Line, 0, maxTaken)
	for {
		lines, err := s.merger.next(ctx, buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := emit(line); err != nil {
				return err
			}
		}
	}
}

// add starts to read the containers that are not read yet. All are known to the merger before the first is read, so that it waits for each.
func (s *session) add(ctx context.Context, found []found, tail int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []*reader
	for _, f := range found {
		if _, known := s.readers[f.id]; known {
			continue
		}
		r := newReader(s, f, tail)
		s.readers[f.id] = r
		fresh = append(fresh, r)
	}
	for _, r := range fresh {
		s.group.Go(func() error {
			r.run(ctx)
			return nil
		})
	}
}

// kick makes the reader of a container look again, if there is one. The merger waits for it from now on: what it finds may be older than
// what others bring meanwhile.
func (s *session) kick(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, known := s.readers[id]
	if known {
		s.merger.expect(r.out)
		select {
		case r.kick <- struct{}{}:
		default: // one is under way
		}
	}
	return known
}

// forget drops a container that exists no more.
func (s *session) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readers, id)
}

// maxErrs bounds what is reported when every log of a large project fails alike.
const maxErrs = 8

func (s *session) fail(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the engine's answer broke off; try again")
	}
	if len(s.errs) < maxErrs {
		s.errs = append(s.errs, fmt.Errorf("reading logs of %q: %w", name, err))
	}
}

func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}

func (s *session) warn(name string, err error) {
	if s.opts.Warn == nil {
		return
	}
	s.warnMu.Lock()
	defer s.warnMu.Unlock()
	s.opts.Warn(name, err)
}
