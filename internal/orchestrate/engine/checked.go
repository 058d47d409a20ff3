package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// What the engine leaves out of a description would be a nil pointer for whoever reads it: here it is an error.

// understood turns an error about the form of an answer into one that says so.
func understood(call string, err error) error {
	if errors.As(err, new(*json.SyntaxError)) || errors.As(err, new(*json.UnmarshalTypeError)) || errors.Is(err, io.ErrUnexpectedEOF) {
		return oddAnswer(call, err.Error())
	}
	return err
}

// whole checks the entries of a list.
func whole[T any](call string, list []T, err error, named func(T) bool) ([]T, error) {
	if err == nil && !slices.ContainsFunc(list, func(entry T) bool { return !named(entry) }) {
		return list, nil
	}
	if err == nil {
		err = oddAnswer(call, "an entry has no ID or name")
	}
	return nil, understood(call, err)
}

// ContainerList lists containers; each has an ID and a name.
func (e *Engine) ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error) {
	list, err := e.Client.ContainerList(ctx, options)
	return whole("GET /containers/json", list, err, func(c container.Summary) bool { return c.ID != "" && len(c.Names) > 0 })
}

// NetworkList lists networks; each has an ID and a name.
func (e *Engine) NetworkList(ctx context.Context, options network.ListOptions) ([]network.Summary, error) {
	list, err := e.Client.NetworkList(ctx, options)
	return whole("GET /networks", list, err, func(n network.Summary) bool { return n.ID != "" && n.Name != "" })
}

// VolumeList lists volumes; each is there and has a name.
func (e *Engine) VolumeList(ctx context.Context, options volume.ListOptions) (volume.ListResponse, error) {
	response, err := e.Client.VolumeList(ctx, options)
	response.Volumes, err = whole("GET /volumes", response.Volumes, err, func(v *volume.Volume) bool { return v != nil && v.Name != "" })
	return response, err
}

// ImageList lists images; each has an ID.
func (e *Engine) ImageList(ctx context.Context, options image.ListOptions) ([]image.Summary, error) {
	list, err := e.Client.ImageList(ctx, options)
	return whole("GET /images/json", list, err, func(i image.Summary) bool { return i.ID != "" })
}

// NetworkCreate makes a network.
func (e *Engine) NetworkCreate(ctx context.Context, name string, options network.CreateOptions) (network.CreateResponse, error) {
	created, err := e.Client.NetworkCreate(ctx, name, options)
	return created, understood("POST /networks/create", err)
}

// VolumeCreate makes a volume.
func (e *Engine) VolumeCreate(ctx context.Context, options volume.CreateOptions) (volume.Volume, error) {
	created, err := e.Client.VolumeCreate(ctx, options)
	return created, understood("POST /volumes/create", err)
}

// Events follows what happens on the engine.
func (e *Engine) Events(ctx context.Context, options events.ListOptions) (<-chan events.Message, <-chan error) {
	messages, errs := e.Client.Events(ctx, options)
	failed := make(chan error, 1)
	go func() { // ends with the call
		if err, ok := <-errs; ok {
			failed <- understood("GET /events", err)
		}
		close(failed)
	}()
	return messages, failed
}

// ContainerWait waits for the end of a container.
func (e *Engine) ContainerWait(ctx context.Context, id string, condition container.WaitCondition) (<-chan container.WaitResponse, <-chan error) {
	statuses, errs := e.Client.ContainerWait(ctx, id, condition)
	ended, failed := make(chan container.WaitResponse, 1), make(chan error, 1)
	go func() { // ends with the call
		select {
		case status := <-statuses:
			ended <- status
		case err := <-errs:
			call := "POST /containers/" + id + "/wait"
			switch {
			case errors.Is(err, io.EOF):
				err = oddAnswer(call, "it is empty")
			case ctx.Err() == nil && reflect.TypeOf(err) == reflect.TypeOf(io.EOF): // what the client makes of a text that is not JSON
				err = oddAnswer(call, err.Error())
			}
			failed <- understood(call, err)
		}
	}()
	return ended, failed
}

// ContainerInspect describes a container; State, HostConfig, Config and NetworkSettings are there.
func (e *Engine) ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error) {
	info, err := e.Client.ContainerInspect(ctx, id)
	if err == nil && (info.ContainerJSONBase == nil || info.ID == "" || info.State == nil || info.HostConfig == nil || info.Config == nil || info.NetworkSettings == nil) {
		err = oddAnswer("GET /containers/"+id+"/json", "parts of it are missing")
	}
	return info, understood("GET /containers/"+id+"/json", err)
}

// ImageInspect describes an image; its ID and Config are there.
func (e *Engine) ImageInspect(ctx context.Context, id string, options ...client.ImageInspectOption) (image.InspectResponse, error) {
	info, err := e.Client.ImageInspect(ctx, id, options...)
	if err == nil && info.ID == "" {
		err = oddAnswer("GET /images/"+id+"/json", "it has no ID")
	}
	return info, understood("GET /images/"+id+"/json", err)
}

// ContainerExecCreate prepares an exec.
func (e *Engine) ContainerExecCreate(ctx context.Context, id string, options container.ExecOptions) (container.ExecCreateResponse, error) {
	created, err := e.Client.ContainerExecCreate(ctx, id, options)
	if err == nil && created.ID == "" {
		err = oddAnswer("POST /containers/"+id+"/exec", "it has no ID")
	}
	return created, understood("POST /containers/"+id+"/exec", err)
}

// ContainerExecInspect describes an exec.
func (e *Engine) ContainerExecInspect(ctx context.Context, id string) (container.ExecInspect, error) {
	info, err := e.Client.ContainerExecInspect(ctx, id)
	if err == nil && info.ExecID == "" {
		err = oddAnswer("GET /exec/"+id+"/json", "it has no ID") // and so no exit code either
	}
	return info, understood("GET /exec/"+id+"/json", err)
}

// ServerVersion tells the engine's versions; Version, Os and Arch are there.
func (e *Engine) ServerVersion(ctx context.Context) (types.Version, error) {
	version, err := e.Client.ServerVersion(ctx)
	if err == nil && (version.Version == "" || version.Os == "" || version.Arch == "") {
		err = oddAnswer("GET /version", "parts of it are missing")
	}
	return version, understood("GET /version", err)
}

// Info describes the engine.
func (e *Engine) Info(ctx context.Context) (system.Info, error) {
	info, err := e.Client.Info(ctx)
	if err != nil && strings.HasPrefix(err.Error(), "Error reading remote info: ") { // the client puts the error into a text
		err = oddAnswer("GET /info", err.Error())
	}
	return info, understood("GET /info", err)
}

// ContainerTop lists the processes of a container.
func (e *Engine) ContainerTop(ctx context.Context, id string, arguments []string) (container.TopResponse, error) {
	top, err := e.Client.ContainerTop(ctx, id, arguments)
	return top, understood("GET /containers/"+id+"/top", err)
}

// ContainerExecAttach starts an exec and returns its streams.
func (e *Engine) ContainerExecAttach(ctx context.Context, id string, options container.ExecAttachOptions) (types.HijackedResponse, error) {
	return e.hijack(ctx, "POST /exec/"+id+"/start", func() (types.HijackedResponse, error) { return e.Client.ContainerExecAttach(ctx, id, options) })
}

// ContainerAttach returns the streams of a container.
func (e *Engine) ContainerAttach(ctx context.Context, id string, options container.AttachOptions) (types.HijackedResponse, error) {
	return e.hijack(ctx, "POST /containers/"+id+"/attach", func() (types.HijackedResponse, error) { return e.Client.ContainerAttach(ctx, id, options) })
}

// hijack waits for the engine to hand a connection over, at most as long as for any answer. The client waits for it whatever becomes
// of ctx: then it is left to that, and the streams are closed should it ever come.
func (e *Engine) hijack(ctx context.Context, call string, open func() (types.HijackedResponse, error)) (types.HijackedResponse, error) {
	var stream types.HijackedResponse
	var err error
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		stream, err = open()
	}()
	timer := time.NewTimer(e.Limit)
	defer timer.Stop()
	reason := error(nil)
	select {
	case <-answered:
		if err != nil && strings.HasPrefix(err.Error(), "unable to upgrade") {
			err = oddAnswer(call, err.Error())
		}
		return stream, err
	case <-ctx.Done():
		reason = ctx.Err()
	case <-timer.C:
		reason = &NoAnswerError{After: e.Limit}
	}
	go func() { // ends with the engine's answer, or the process
		if <-answered; err == nil {
			stream.Close()
		}
	}()
	return types.HijackedResponse{}, reason
}
