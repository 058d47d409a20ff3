package steps

import (
	"cmp"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
)

// CreateVolume makes a volume.
type CreateVolume struct {
	Options volume.CreateOptions
}

func (a CreateVolume) Verb() string { return "create volume" }

func (a CreateVolume) Object() string { return a.Options.Name }

// RemoveVolume removes a volume with what is in it.
type RemoveVolume struct {
	Name string
}

func (a RemoveVolume) Verb() string { return "remove volume" }

func (a RemoveVolume) Object() string { return a.Name }

// CreateContainer makes a container, which it does not start.
type CreateContainer struct {
	Name       string
	Config     *container.Config
	Host       *container.HostConfig
	Networking *network.NetworkingConfig
	Platform   *ocispec.Platform
	Files      []configs.File // each mounted by itself
}

func (a CreateContainer) Verb() string { return "create container" }

func (a CreateContainer) Object() string { return a.Name }

// undo removes the container, which holds no data of its own.
func (a CreateContainer) undo() []Action {
	return []Action{RemoveContainer{Name: a.Name, ID: a.Name, Kill: true}}
}

// StartContainer starts a container.
type StartContainer struct {
	Name string
	ID   string // "" where the plan makes it
	// Undone says that going back stops it: since it did not run before, or since others, which start again then, have
	// stopped for it. One that the plan makes is removed besides.
	Undone bool
}

func (a StartContainer) Verb() string { return "start container" }

func (a StartContainer) Object() string { return a.Name }

func (a StartContainer) undo() []Action {
	if !a.Undone {
		return nil
	}
	return []Action{StopContainer{Name: a.Name, ID: cmp.Or(a.ID, a.Name)}}
}

// UnpauseContainer lets a paused container go on.
type UnpauseContainer struct {
	Name string
}

func (a UnpauseContainer) Verb() string { return "unpause container" }

func (a UnpauseContainer) Object() string { return a.Name }

func (a UnpauseContainer) undo() []Action { return []Action{PauseContainer{Name: a.Name, ID: a.Name}} }

// RemoveContainer removes a container.
type RemoveContainer struct {
	Name, ID string
	Kill     bool     // remove it even if it runs
	Keep     bool     // leave its anonymous volumes
	Folders  []string // those of them that go nevertheless
}

func (a RemoveContainer) Verb() string { return "remove container" }

func (a RemoveContainer) Object() string { return a.Name }

// RenameContainer gives a container its own name, which the one that it replaced had until now; or another one where its own
// is needed.
type RenameContainer struct {
	ID        string // "" where the plan makes it
	Old, Name string
}

func (a RenameContainer) Verb() string { return "rename container" }

func (a RenameContainer) Object() string { return a.Old + " to " + a.Name }

func (a RenameContainer) undo() []Action {
	if a.ID == "" {
		return nil
	}
	return []Action{RenameContainer{ID: a.ID, Old: a.Name, Name: a.Old}}
}

// KillContainer sends a signal.
type KillContainer struct {
	Name, ID, Signal string
}

func (a KillContainer) Verb() string { return "kill container" }

func (a KillContainer) Object() string { return a.Name }

// PauseContainer freezes a container.
type PauseContainer struct {
	Name, ID string
}

func (a PauseContainer) Verb() string { return "pause container" }

func (a PauseContainer) Object() string { return a.Name }

// StopContainer asks the container to stop and kills it when its grace period is over.
type StopContainer struct {
	Name, ID string
	Grace    *time.Duration // nil is the container's own
	Was      string         // its state until then; "" is running
}

func (a StopContainer) Verb() string { return "stop container" }

func (a StopContainer) Object() string { return a.Name }

// undo makes it run again if it ran.
func (a StopContainer) undo() []Action {
	switch again := (StartContainer{Name: a.Name, ID: a.ID}); a.Was {
	case "created":
		return nil
	case "paused":
		return []Action{again, PauseContainer{Name: a.Name, ID: a.ID}}
	default:
		return []Action{again, AwaitReady{Name: a.Name, ID: a.ID}}
	}
}
