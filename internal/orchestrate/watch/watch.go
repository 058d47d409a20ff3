// Package watch keeps a picture of a project on an engine up to date, and tells what happens to it.
package watch

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/events"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// Source is the engine: nothing in it can change anything. *engine.Engine is one.
type Source interface {
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
	ContainerStatsOneShot(ctx context.Context, id string) (container.StatsResponseReader, error)
	events.Source
}

// Engine says which engine is watched.
type Engine struct{ Context, Address, Version, API string }

// State is one picture of a project. It is never changed after it was sent.
type State struct {
	At         time.Time
	Project    string
	Engine     Engine
	Err        error       // why the engine cannot be asked at present; nil while it answers. What follows is then what was last seen
	RetryAt    time.Time   // when it is tried again; zero while connected
	Containers []Container // sorted by service and number, one-off ones left out
}

// Container is a container of the project.
type Container struct {
	observe.Status
	FinishedAt time.Time // zero when it never ended
	OOMKilled  bool
	Revision   string // seven hex digits that differ when its configuration or its image does
	Usage      *Usage // nil while not known or not running

	oneTime bool // no policy restarts it after success
	failed  bool // the engine could not start it
}

// Usage is what a container uses, between two samples.
type Usage struct {
	At                  time.Time
	CPU                 float64 // percent of one core: 100 is one core
	Memory, MemoryLimit uint64  // bytes, without the page cache that can be dropped; limit 0 = none
	Rx, Tx              uint64  // bytes since the container started, all networks
	RxRate, TxRate      float64 // bytes a second
	PIDs                uint64
}

// EventKind is what kind of thing happened.
type EventKind string

// The kinds of events.
const (
	EventDeploy    EventKind = "deploy" // a container was created
	EventStart     EventKind = "start"
	EventStop      EventKind = "stop"
	EventRestart   EventKind = "restart"
	EventDie       EventKind = "die"
	EventOOM       EventKind = "oom"
	EventHealth    EventKind = "health"
	EventReload    EventKind = "reload" // signal HUP
	EventRemove    EventKind = "remove"
	EventReconnect EventKind = "reconnect" // the engine answers again
	EventScale     EventKind = "scale"     // these are never told by Run: the engine does not know of them
	EventReset     EventKind = "reset"
	EventWarning   EventKind = "warning"
)

// Event is something that happened to the project, for people and for marks on a chart.
type Event struct {
	At                 time.Time
	Kind               EventKind
	Service, Container string // the container's name; both empty for EventReconnect
	Text               string // such as "web-2 died with exit code 137"
}

// Sink takes what Run sees, from one goroutine. It must not block for long.
type Sink struct {
	State func(State)
	Event func(Event)
}

// Options says what to watch.
type Options struct {
	Project    string
	StatsEvery time.Duration // how often Usage is measured; 0 means every 2 s
	NoStats    bool          // leave Usage out

	pace pace
}

// Run watches until ctx ends. connect is called first and again after each loss, with backoff of 0.1 s to 5 s.
// It returns only ctx's error.
func Run(ctx context.Context, connect func(context.Context) (Source, Engine, error), o Options, sink Sink) error {
	return newRunner(connect, o, sink).run(ctx)
}
