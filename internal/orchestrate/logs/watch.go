package logs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// watcher learns from the engine's events which containers start, and tells their readers.
type watcher struct {
	s      *session
	msgs   <-chan events.Message
	errs   <-chan error
	cancel context.CancelFunc // ends the subscription
}

// watch subscribes. The subscription is in force when it returns, unless it failed, which run then hears.
func (s *session) watch(ctx context.Context) *watcher {
	w := &watcher{s: s, cancel: func() {}}
	w.subscribe(ctx)
	return w
}

func (w *watcher) subscribe(ctx context.Context) {
	w.cancel()
	ctx, w.cancel = context.WithCancel(ctx)
	w.msgs, w.errs = w.s.src.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)),
		filters.Arg("event", string(events.ActionStart)),
		filters.Arg("event", string(events.ActionDestroy)),
		filters.Arg("label", orchestrate.LabelProject+"="+w.s.opts.Project),
	)})
}

// healthyAfter is how long a subscription must hold for the next failure to be retried at once again.
const healthyAfter = 10 * time.Second

// run handles events until ctx ends. When the subscription breaks it is made again, and since events may have been missed, the
// containers are listed again.
func (w *watcher) run(ctx context.Context) {
	defer func() { w.cancel() }()
	var pause backoff
	for {
		began := time.Now()
		err := w.handle(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= healthyAfter {
			pause.reset()
		}
		for err != nil {
			w.s.warn("", fmt.Errorf("watching containers of project %q: %w", w.s.opts.Project, err))
			if pause.wait(ctx, nil) != nil {
				return
			}
			w.subscribe(ctx)
			err = w.relist(ctx)
		}
	}
}

// handle returns when the subscription ends.
func (w *watcher) handle(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err, ok := <-w.errs:
			if !ok || err == nil {
				err = errors.New("the engine ended the events")
			}
			return err
		case m, ok := <-w.msgs:
			if !ok {
				return errors.New("the engine ended the events")
			}
			w.event(ctx, m)
		}
	}
}

func (w *watcher) event(ctx context.Context, m events.Message) {
	id := m.Actor.ID
	// A container that is gone makes its reader notice that; one that started has more to read.
	if known := w.s.kick(id); known || m.Action != events.ActionStart {
		return
	}
	if f, ok := w.s.wanted(id, m.Actor.Attributes["name"], m.Actor.Attributes); ok {
		w.s.add(ctx, []found{f}, tailAll)
	}
}

// relist finds what happened while no events came: containers that are new, and those that run again.
func (w *watcher) relist(ctx context.Context) error {
	list, err := w.s.find(ctx)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.running {
			w.s.kick(f.id)
		}
	}
	w.s.add(ctx, list, tailAll)
	return nil
}
