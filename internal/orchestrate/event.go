package orchestrate

import "time"

// EventKind says what happened to a piece of work.
type EventKind string

// The kinds of events. A piece of work that starts ends in exactly one of done and failed, unless it is interrupted.
const (
	EventStarted  EventKind = "started"
	EventProgress EventKind = "progress"
	EventDone     EventKind = "done"
	EventFailed   EventKind = "failed"
	EventSkipped  EventKind = "skipped"
	EventWarning  EventKind = "warning"
)

// Event reports work on one object, for whoever shows progress.
type Event struct {
	Kind    EventKind
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

func (s Sink) send(e Event) {
	if s != nil {
		s(e)
	}
}
