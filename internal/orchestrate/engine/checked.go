package engine

import (
	"context"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// What the engine leaves out of a description would be a nil pointer for whoever reads it: here it is an error.

// ContainerInspect describes a container; State, HostConfig, Config and NetworkSettings are there.
func (e *Engine) ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error) {
	info, err := e.Client.ContainerInspect(ctx, id)
	if err == nil && (info.ContainerJSONBase == nil || info.ID == "" || info.State == nil || info.HostConfig == nil || info.Config == nil || info.NetworkSettings == nil) {
		err = oddAnswer("GET /containers/"+id+"/json", "parts of it are missing")
	}
	return info, err
}

// ImageInspect describes an image; its ID and Config are there.
func (e *Engine) ImageInspect(ctx context.Context, id string, options ...client.ImageInspectOption) (image.InspectResponse, error) {
	info, err := e.Client.ImageInspect(ctx, id, options...)
	if err == nil && info.ID == "" {
		err = oddAnswer("GET /images/"+id+"/json", "it has no ID")
	}
	return info, err
}

// ContainerExecCreate prepares an exec.
func (e *Engine) ContainerExecCreate(ctx context.Context, id string, options container.ExecOptions) (container.ExecCreateResponse, error) {
	created, err := e.Client.ContainerExecCreate(ctx, id, options)
	if err == nil && created.ID == "" {
		err = oddAnswer("POST /containers/"+id+"/exec", "it has no ID")
	}
	return created, err
}

// ContainerExecInspect describes an exec.
func (e *Engine) ContainerExecInspect(ctx context.Context, id string) (container.ExecInspect, error) {
	info, err := e.Client.ContainerExecInspect(ctx, id)
	if err == nil && info.ExecID == "" {
		err = oddAnswer("GET /exec/"+id+"/json", "it has no ID") // and so no exit code either
	}
	return info, err
}

// ContainerExecAttach starts an exec and returns its streams.
func (e *Engine) ContainerExecAttach(ctx context.Context, id string, options container.ExecAttachOptions) (types.HijackedResponse, error) {
	return hijack(ctx, func() (types.HijackedResponse, error) { return e.Client.ContainerExecAttach(ctx, id, options) })
}

// ContainerAttach returns the streams of a container.
func (e *Engine) ContainerAttach(ctx context.Context, id string, options container.AttachOptions) (types.HijackedResponse, error) {
	return hijack(ctx, func() (types.HijackedResponse, error) { return e.Client.ContainerAttach(ctx, id, options) })
}

// hijack waits for the engine to hand a connection over, at most as long as for any answer. The client waits for it whatever becomes
// of ctx: then it is left to that, and the streams are closed should it ever come.
func hijack(ctx context.Context, open func() (types.HijackedResponse, error)) (types.HijackedResponse, error) {
	var stream types.HijackedResponse
	var err error
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		stream, err = open()
	}()
	timer := time.NewTimer(orchestrate.CallLimit)
	defer timer.Stop()
	reason := error(nil)
	select {
	case <-answered:
		return stream, err
	case <-ctx.Done():
		reason = ctx.Err()
	case <-timer.C:
		reason = orchestrate.NoAnswer(orchestrate.CallLimit)
	}
	go func() { // ends with the engine's answer, or the process
		if <-answered; err == nil {
			stream.Close()
		}
	}()
	return types.HijackedResponse{}, reason
}
