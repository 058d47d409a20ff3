// Package events is the one subscription to what an engine tells of a project's containers.
package events

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// Source is the engine.
type Source interface {
	Events(ctx context.Context, o events.ListOptions) (<-chan events.Message, <-chan error)
}

// Action is what has happened, in the engine's word.
type Action = events.Action

// The actions that somebody here waits for.
const (
	Create       = events.ActionCreate
	Start        = events.ActionStart
	Stop         = events.ActionStop
	Restart      = events.ActionRestart
	Die          = events.ActionDie
	Kill         = events.ActionKill
	OOM          = events.ActionOOM
	HealthStatus = events.ActionHealthStatus
	Pause        = events.ActionPause
	Unpause      = events.ActionUnPause
	Rename       = events.ActionRename
	Update       = events.ActionUpdate
	Destroy      = events.ActionDestroy
)

// Event is something that has happened to a container of the project.
type Event struct {
	Time   time.Time // the engine's clock
	ID     string    // of the container
	Action Action    // without its detail
	Detail string    // what some actions have behind a colon: "healthy" of health_status

	Name, Service string
	Number        int // from 1
	OneOff        bool
	Attributes    map[string]string // the container's labels, and what the engine says beside them
}

// Words is the action with its detail, as the engine says it.
func (e Event) Words() string {
	if e.Detail == "" {
		return string(e.Action)
	}
	return string(e.Action) + ": " + e.Detail
}

// Helper reports whether stackctl runs the container for itself.
func (e Event) Helper() bool { return e.Attributes[label.Helper] != "" }

// Plain is what the engine says of the event, without the labels that are there for programs.
func (e Event) Plain() map[string]string {
	plain := map[string]string{}
	for name, value := range e.Attributes {
		if !strings.HasPrefix(name, "com.docker.compose.") && !strings.HasPrefix(name, "dev.stackctl.") {
			plain[name] = value
		}
	}
	return plain
}

func parse(m events.Message) Event {
	at := m.Actor.Attributes
	action, detail, _ := strings.Cut(string(m.Action), ": ")
	e := Event{
		Time: time.Unix(0, m.TimeNano), ID: m.Actor.ID, Action: Action(action), Detail: detail,
		Name: at["name"], Service: at[label.Service], OneOff: strings.EqualFold(at[label.OneOff], "true"), Attributes: at,
	}
	var err error
	if e.Number, err = strconv.Atoi(at[label.ContainerNumber]); err != nil {
		e.Number = 1 // as docker compose takes it
	}
	return e
}

// Query says which events are wanted.
type Query struct {
	Project string
	Actions []Action // none means all

	// Since and Until are moments in the engine's form; "" is now, and never.
	Since, Until string

	// Limit is how long the engine may take to begin its answer; 0 is as long as the connection allows.
	Limit time.Duration
}

func (q Query) options() events.ListOptions {
	wanted := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", label.Project+"="+q.Project))
	for _, action := range q.Actions {
		wanted.Add("event", string(action))
	}
	return events.ListOptions{Since: q.Since, Until: q.Until, Filters: wanted}
}

// Subscription receives events, until its context ends or the engine ends it.
type Subscription struct {
	src      Source
	query    Query
	ctx      context.Context
	cancel   context.CancelCauseFunc
	messages <-chan events.Message
	errs     <-chan error
}

// Subscribe asks for events. It waits for the engine: what happens after it has returned is told, or Next returns an error.
func Subscribe(ctx context.Context, src Source, q Query) *Subscription {
	s := &Subscription{src: src, query: q}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	if q.Limit > 0 {
		late := time.AfterFunc(q.Limit, func() { s.cancel(fmt.Errorf("the engine did not answer within %s", q.Limit)) })
		defer late.Stop()
	}
	s.messages, s.errs = src.Events(s.ctx, q.options())
	return s
}

// Close ends the subscription.
func (s *Subscription) Close() { s.cancel(nil) }

// Next waits for the next event. It returns io.EOF when the engine has told all there is, or has ended the subscription in order.
func (s *Subscription) Next() (Event, error) {
	select {
	case <-s.ctx.Done():
		return Event{}, context.Cause(s.ctx)
	case m, ok := <-s.messages:
		if ok {
			return parse(m), nil
		}
		return Event{}, io.EOF
	case err := <-s.errs:
		if s.ctx.Err() != nil {
			return Event{}, context.Cause(s.ctx)
		}
		if err == nil {
			err = io.EOF
		}
		return Event{}, err
	}
}

// Each hands the events on as they come, until the subscription ends, and returns why: nil means that all there is was told.
func (s *Subscription) Each(handle func(Event)) error {
	defer s.Close()
	for {
		e, err := s.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		handle(e)
	}
}
