package orchestrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Writer is what applying a plan needs of an engine.
type Writer interface {
	Reader
	NetworkCreate(ctx context.Context, name string, options network.CreateOptions) (network.CreateResponse, error)
	NetworkConnect(ctx context.Context, network, container string, config *network.EndpointSettings) error
	NetworkDisconnect(ctx context.Context, network, container string, force bool) error
	NetworkRemove(ctx context.Context, id string) error
	VolumeCreate(ctx context.Context, options volume.CreateOptions) (volume.Volume, error)
	VolumeRemove(ctx context.Context, name string, force bool) error
	ImageRemove(ctx context.Context, ref string, options image.RemoveOptions) ([]image.DeleteResponse, error)
	ContainerCreate(ctx context.Context, config *container.Config, host *container.HostConfig, networking *network.NetworkingConfig, platform *ocispec.Platform, name string) (container.CreateResponse, error)
	ContainerStart(ctx context.Context, id string, options container.StartOptions) error
	ContainerStop(ctx context.Context, id string, options container.StopOptions) error
	ContainerPause(ctx context.Context, id string) error
	ContainerUnpause(ctx context.Context, id string) error
	ContainerKill(ctx context.Context, id, signal string) error
	ContainerRemove(ctx context.Context, id string, options container.RemoveOptions) error
	ContainerRename(ctx context.Context, id, name string) error
	ContainerTop(ctx context.Context, id string, arguments []string) (container.TopResponse, error)
	// RunCommand runs a command in a container; output is the beginning of what it printed.
	RunCommand(ctx context.Context, id string, command []string) (output string, exitCode int, err error)
	CopyToContainer(ctx context.Context, id, path string, content io.Reader, options container.CopyToContainerOptions) error
}

// Action is one call to the engine. What it needs was decided when it was planned.
type Action interface {
	Verb() string   // such as "create container"
	Object() string // the object's name
	apply(ctx context.Context, w Writer) error
	// limit bounds the call; 0 leaves that to the action.
	limit() time.Duration
}

// CallLimit bounds one call to the engine that should take well below a second; a loaded engine may need longer. It is set
// before the first call, if at all.
var CallLimit = 60 * time.Second

type bounded struct{}

func (bounded) limit() time.Duration { return CallLimit }

// Within bounds calls to the engine as one call is.
func Within(ctx context.Context, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, CallLimit)
	defer cancel()
	err := do(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return NoAnswer(CallLimit)
	}
	return err
}

// NoAnswerError says that a call to the engine was given up.
type NoAnswerError struct{ After time.Duration }

// NoAnswer is the error of a call that the engine has not answered for so long.
func NoAnswer(after time.Duration) error { return &NoAnswerError{After: after} }

func (e *NoAnswerError) Error() string {
	return fmt.Sprintf("no answer from the engine within %s; STACKCTL_ENGINE_TIMEOUT=5m gives it more", e.After)
}

type createVolume struct {
	bounded
	Options volume.CreateOptions
}

func (a createVolume) Verb() string   { return "create volume" }
func (a createVolume) Object() string { return a.Options.Name }
func (a createVolume) apply(ctx context.Context, w Writer) error {
	_, err := w.VolumeCreate(ctx, a.Options)
	return err
}

type removeVolume struct {
	bounded
	Name string
}

func (a removeVolume) Verb() string   { return "remove volume" }
func (a removeVolume) Object() string { return a.Name }
func (a removeVolume) apply(ctx context.Context, w Writer) error {
	return ignoreGone(w.VolumeRemove(ctx, a.Name, false))
}

type createContainer struct {
	bounded
	Name       string
	Config     *container.Config
	Host       *container.HostConfig
	Networking *network.NetworkingConfig
	Platform   *ocispec.Platform
	Files      []File // each mounted by itself
}

func (a createContainer) Verb() string   { return "create container" }
func (a createContainer) Object() string { return a.Name }
func (a createContainer) apply(ctx context.Context, w Writer) error {
	host, done := a.Host, func(bool) error { return nil }
	if len(a.Files) > 0 {
		var err error
		if host, done, err = a.stage(ctx, w); err != nil {
			return err
		}
	}
	_, err := w.ContainerCreate(ctx, a.Config, host, a.Networking, a.Platform, a.Name)
	return errors.Join(err, done(err == nil))
}

// undo removes the container, which holds no data of its own.
func (a createContainer) undo() []Action {
	return []Action{removeContainer{Name: a.Name, ID: a.Name, Kill: true}}
}

type startContainer struct {
	bounded
	Name string
	ID   string // "" where the plan makes it
	// Undone says that going back stops it: since it did not run before, or since others, which start again then, have
	// stopped for it. One that the plan makes is removed besides.
	Undone bool
}

func (a startContainer) Verb() string   { return "start container" }
func (a startContainer) Object() string { return a.Name }
func (a startContainer) apply(ctx context.Context, w Writer) error {
	return w.ContainerStart(ctx, cmp.Or(a.ID, a.Name), container.StartOptions{})
}

func (a startContainer) undo() []Action {
	if !a.Undone {
		return nil
	}
	return []Action{stopContainer{Name: a.Name, ID: cmp.Or(a.ID, a.Name)}}
}

type unpauseContainer struct {
	bounded
	Name string
}

func (a unpauseContainer) Verb() string   { return "unpause container" }
func (a unpauseContainer) Object() string { return a.Name }
func (a unpauseContainer) apply(ctx context.Context, w Writer) error {
	return w.ContainerUnpause(ctx, a.Name)
}

func (a unpauseContainer) undo() []Action { return []Action{pauseContainer{Name: a.Name, ID: a.Name}} }

type removeContainer struct {
	bounded
	Name, ID string
	Kill     bool     // remove it even if it runs
	Keep     bool     // leave its anonymous volumes
	Folders  []string // those of them that go nevertheless
}

func (a removeContainer) Verb() string   { return "remove container" }
func (a removeContainer) Object() string { return a.Name }
func (a removeContainer) apply(ctx context.Context, w Writer) error {
	err := w.ContainerRemove(ctx, a.ID, container.RemoveOptions{Force: a.Kill, RemoveVolumes: !a.Keep})
	if underway(err) { // by someone else, or by the engine
		err = poll(ctx, pollInterval, func(ctx context.Context) (bool, error) {
			_, err := inspect(ctx, w, a.ID)
			return err != nil, ignoreGone(err)
		})
	}
	err = ignoreGone(err)
	for _, name := range a.Folders {
		if err == nil {
			err = ignoreGone(w.VolumeRemove(ctx, name, false))
		}
	}
	return err
}

// renameContainer gives a container its own name, which the one that it replaced had until now; or another one where its own
// is needed.
type renameContainer struct {
	bounded
	ID        string // "" where the plan makes it
	Old, Name string
}

func (a renameContainer) Verb() string   { return "rename container" }
func (a renameContainer) Object() string { return a.Old + " to " + a.Name }
func (a renameContainer) apply(ctx context.Context, w Writer) error {
	err := w.ContainerRename(ctx, cmp.Or(a.ID, a.Old), a.Name)
	if err != nil && strings.Contains(err.Error(), "same name as its current name") {
		return nil
	}
	return err
}

func (a renameContainer) undo() []Action {
	if a.ID == "" {
		return nil
	}
	return []Action{renameContainer{ID: a.ID, Old: a.Name, Name: a.Old}}
}

// pause lets the operator watch what was changed before more is.
type pause struct {
	After string
	For   time.Duration
}

func (a pause) Verb() string         { return "pause after" }
func (a pause) Object() string       { return a.After }
func (a pause) limit() time.Duration { return a.For + CallLimit }
func (a pause) apply(ctx context.Context, _ Writer) error {
	timer := time.NewTimer(a.For)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ignoreGone treats the removal of what is no longer there, or already being removed, as done.
func ignoreGone(err error) error {
	if errdefs.IsNotFound(err) || underway(err) {
		return nil
	}
	return err
}

// underway tells the engine's answer that an object is being removed already.
func underway(err error) bool {
	return errdefs.IsConflict(err) && strings.Contains(err.Error(), "is already in progress")
}

// stepError says which step failed.
func stepError(a Action, err error) error {
	verb, noun, _ := strings.Cut(a.Verb(), " ")
	return fmt.Errorf("%s %s %q: %w", Gerund(verb), noun, a.Object(), err)
}

// Gerund turns "create" into "creating" and "stop" into "stopping".
func Gerund(verb string) string {
	switch {
	case verb == "stop":
		return "stopping"
	case strings.HasSuffix(verb, "e"):
		return strings.TrimSuffix(verb, "e") + "ing"
	}
	return verb + "ing"
}
