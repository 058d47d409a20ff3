package steps

import (
	"time"
)

// Pause lets the operator watch what was changed before more is.
type Pause struct {
	After string
	For   time.Duration
}

func (a Pause) Verb() string { return "pause after" }

func (a Pause) Object() string { return a.After }

// DrainContainer waits until a container that was told to stop has stopped, at most headStart. It never fails: it only
// holds back those that the container stands before.
type DrainContainer struct {
	Name, ID string
}

func (a DrainContainer) Verb() string { return "drain container" }

func (a DrainContainer) Object() string { return a.Name }

// AwaitStopped waits until a container has ended that somebody has told to stop, as long as it may take.
type AwaitStopped struct {
	Name, ID string
	Until    time.Time
}

func (a AwaitStopped) Verb() string { return "await container" }

func (a AwaitStopped) Object() string { return a.Name }

// AwaitDependency waits until a dependency is as depends_on wants it.
type AwaitDependency struct {
	Name      string
	Condition string
	Optional  bool // a failure does not stop what depends on it
	// Limit bounds the wait; with 0, a healthcheck has as long as its own settings allow, and a job as long as it takes.
	Limit time.Duration
}

func (a AwaitDependency) Verb() string { return "await container" }

func (a AwaitDependency) Object() string { return a.Name }

// AwaitReady waits until a new replica can take requests: until it is healthy, or, without a healthcheck, until it has run
// for settleTime.
type AwaitReady struct {
	Name, ID string // ID is "" for one that the plan creates
	// Limit bounds the wait; with 0 it is what the settings of the healthcheck allow, and a minute without one.
	Limit time.Duration
}

func (a AwaitReady) Verb() string { return "await container" }

func (a AwaitReady) Object() string { return a.Name }
