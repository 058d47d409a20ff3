// Package report is how work tells what it does: typed events to a sink.
package report

import (
	"time"
)

// Kind says what happened to a piece of work.
type Kind string

// The kinds of events. A piece of work that starts ends in exactly one of done and failed, unless it is interrupted.
const (
	Started  Kind = "started"
	Progress Kind = "progress"
	Done     Kind = "done"
	Failed   Kind = "failed"
	Skipped  Kind = "skipped"
	Warning  Kind = "warning"
	Message  Kind = "message" // a line for people
)

// Event reports work on one object, for whoever shows progress.
type Event struct {
	Kind    Kind
	Verb    string // such as "create container"
	Object  string // the object's name
	Service string // "" for what belongs to no service
	Cause   string // why the work is done
	Detail  string // how far it is, or what a warning says
	Elapsed time.Duration
	Err     error
}

// Sink takes events; it must not block for long. A nil Sink takes them and does nothing.
type Sink func(Event)

// Send gives the sink an event.
func (s Sink) Send(e Event) {
	if s != nil {
		s(e)
	}
}
