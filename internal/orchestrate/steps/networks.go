package steps

import (
	"github.com/docker/docker/api/types/network"
)

// CreateNetwork makes a network.
type CreateNetwork struct {
	Name    string
	Options network.CreateOptions
	Anew    bool // in the place of another one
	Again   bool // where it is gone
}

func (a CreateNetwork) Verb() string { return "create network" }

func (a CreateNetwork) Object() string { return a.Name }

func (a CreateNetwork) undo() []Action {
	if !a.Anew {
		return nil
	}
	return []Action{RemoveNetwork{Name: a.Name, ID: a.Name}}
}

// ConnectNetwork joins a container to a network.
type ConnectNetwork struct {
	Network, Container string
	Endpoint           *network.EndpointSettings
}

func (a ConnectNetwork) Verb() string { return "connect container" }

func (a ConnectNetwork) Object() string { return a.Container + " to " + a.Network }

// RemoveNetwork removes a network.
type RemoveNetwork struct {
	Name, ID string
	Had      *network.CreateOptions // how to make it again; nil where it is not
}

func (a RemoveNetwork) Verb() string { return "remove network" }

func (a RemoveNetwork) Object() string { return a.Name }

func (a RemoveNetwork) undo() []Action {
	if a.Had == nil {
		return nil
	}
	return []Action{CreateNetwork{Name: a.Name, Options: *a.Had, Again: true}}
}

// RemoveImage removes an image that nothing uses.
type RemoveImage struct {
	Ref string
}

func (a RemoveImage) Verb() string { return "remove image" }

func (a RemoveImage) Object() string { return a.Ref }

// LeaveNetwork takes a container off a network.
type LeaveNetwork struct {
	Network, Name, ID string
	Had               *network.EndpointSettings // how it was on it
}

func (a *LeaveNetwork) Verb() string { return "disconnect container" }

func (a *LeaveNetwork) Object() string { return a.Name + " from " + a.Network }

func (a *LeaveNetwork) undo() []Action { return []Action{JoinNetwork{Left: a}} }

// JoinNetwork joins a container to the network that it had to leave, or to the one that has its name now, and then other
// addresses.
type JoinNetwork struct {
	Left      *LeaveNetwork
	Recreated bool
}

func (a JoinNetwork) Verb() string { return ConnectNetwork{}.Verb() }

func (a JoinNetwork) Object() string { return a.Left.Name + " to " + a.Left.Network }

func (a JoinNetwork) undo() []Action {
	return []Action{&LeaveNetwork{Network: a.Left.Network, Name: a.Left.Name, ID: a.Left.ID}}
}
