package memory

import (
	"cmp"
	"context"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// subscription is one call of Events that goes on.
type subscription struct {
	filters filters.Args
	queue   []events.Message // locked by the engine's mu
	wake    chan struct{}    // has a value while there is something in the queue
}

func (s *subscription) wants(m events.Message) bool {
	return s.filters.ExactMatch("event", string(m.Action)) && s.filters.MatchKVList("label", m.Actor.Attributes)
}

func (s *subscription) put(m events.Message) {
	if !s.wants(m) {
		return
	}
	s.queue = append(s.queue, m)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Events tells what happens to containers that match the filters for labels and events, after what has happened since Since, if that
// is given. With Until it tells the past alone.
func (e *Engine) Events(ctx context.Context, o events.ListOptions) (<-chan events.Message, <-chan error) {
	messages, errs := make(chan events.Message), make(chan error, 1)
	s := &subscription{filters: o.Filters, wake: make(chan struct{}, 1)}
	broken := e.connection()
	err := e.call(ctx, "Events", "", func() error {
		for _, m := range e.past {
			if o.Since != "" || o.Until != "" {
				s.put(m)
			}
		}
		if o.Until == "" {
			e.subscriptions[s] = struct{}{}
		}
		return nil
	})
	go func() { // ends with the call, or with the connection
		defer e.unsubscribe(s)
		if err == nil {
			err = e.pump(ctx, s, messages, broken, o.Until != "")
		}
		errs <- err
	}()
	return messages, errs
}

// pump hands over what a subscription has, and, unless it is of the past alone, what comes.
func (e *Engine) pump(ctx context.Context, s *subscription, messages chan<- events.Message, broken context.Context, past bool) error {
	for {
		e.mu.Lock()
		queue := s.queue
		s.queue = nil
		e.mu.Unlock()
		for _, m := range queue {
			select {
			case messages <- m:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if past {
			return cmp.Or(ctx.Err(), io.EOF)
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-broken.Done():
			return context.Cause(broken)
		}
	}
}

func (e *Engine) unsubscribe(s *subscription) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.subscriptions, s)
}

// maxPast is how many events the engine keeps, as a real one does.
const maxPast = 256

func (e *Engine) happened(c *box, action events.Action, attributes ...string) {
	m := events.Message{Type: events.ContainerEventType, Action: action, TimeNano: time.Now().UnixNano(), Actor: events.Actor{ID: c.id, Attributes: maps.Clone(c.config.Labels)}}
	if m.Actor.Attributes == nil {
		m.Actor.Attributes = map[string]string{}
	}
	m.Actor.Attributes["name"] = c.name
	for i := 0; i+1 < len(attributes); i += 2 {
		m.Actor.Attributes[attributes[i]] = attributes[i+1]
	}
	e.past = append(e.past, m)
	if n := len(e.past); n > maxPast {
		e.past = e.past[n-maxPast:]
	}
	for s := range e.subscriptions {
		s.put(m)
	}
}

// signals are the numbers by which events name them.
var signals = map[string]string{"HUP": "1", "INT": "2", "QUIT": "3", "KILL": "9", "TERM": "15"}

// told tells that the container's program was sent a signal, given by its name.
func (e *Engine) told(c *box, signal string) {
	name := strings.TrimPrefix(signal, "SIG")
	e.happened(c, events.ActionKill, "signal", cmp.Or(signals[name], name))
}

func (e *Engine) died(c *box, code int) {
	e.happened(c, events.ActionDie, "exitCode", strconv.Itoa(code))
}

// Lose makes every call fail with err, and breaks those that go on, until it is called with nil.
func (e *Engine) Lose(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		e.connected, e.disconnect = context.WithCancelCause(context.Background())
		return
	}
	e.disconnect(err)
}

// connection ends with the engine's being lost, which is its cause.
func (e *Engine) connection() context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.connected
}

// lost is why the engine does not answer; nil while it does.
func (e *Engine) lost() error {
	if connected := e.connection(); connected.Err() != nil {
		return context.Cause(connected)
	}
	return nil
}
