package enginetest

import (
	"cmp"
	"context"
	"io"
	"maps"
	"time"

	"github.com/docker/docker/api/types/events"
)

// Events lists what has happened to the project's containers that match the filters for labels and events; it is over then,
// as with an engine that is asked for the past alone.
func (e *Engine) Events(ctx context.Context, o events.ListOptions) (<-chan events.Message, <-chan error) {
	errs := make(chan error, 1)
	var past []events.Message
	err := e.call(ctx, "Events", "", func() error {
		for _, m := range e.past {
			if o.Filters.ExactMatch("event", string(m.Action)) && o.Filters.MatchKVList("label", m.Actor.Attributes) {
				past = append(past, m)
			}
		}
		return nil
	})
	messages := make(chan events.Message)
	go func() { // ends with the call
		for _, m := range past {
			select {
			case messages <- m:
			case <-ctx.Done():
			}
		}
		errs <- cmp.Or(err, ctx.Err(), io.EOF)
	}()
	return messages, errs
}

// maxPast is how many events the engine keeps, as a real one does.
const maxPast = 256

func (e *Engine) happened(c *box, action events.Action, attributes ...string) {
	m := events.Message{Type: events.ContainerEventType, Action: action, TimeNano: time.Now().UnixNano(), Actor: events.Actor{ID: c.id, Attributes: maps.Clone(c.config.Labels)}}
	if m.Actor.Attributes == nil {
		m.Actor.Attributes = map[string]string{}
	}
	for i := 0; i+1 < len(attributes); i += 2 {
		m.Actor.Attributes[attributes[i]] = attributes[i+1]
	}
	e.past = append(e.past, m)
	if n := len(e.past); n > maxPast {
		e.past = e.past[n-maxPast:]
	}
}
