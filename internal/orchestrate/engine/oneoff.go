package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// StartOneOff starts a container that was made for one command.
func (e *Engine) StartOneOff(ctx context.Context, name string) error {
	if err := e.ContainerStart(ctx, name, container.StartOptions{}); err != nil {
		return fmt.Errorf("starting container %q: %w", name, err)
	}
	return nil
}

// Signal passes a signal on to a container; whether it still runs, who waits for it will hear.
func (e *Engine) Signal(ctx context.Context, name, signal string) {
	_ = e.ContainerKill(ctx, name, signal)
}

// AwaitEnd waits until a container does not run, and returns its exit code.
func (e *Engine) AwaitEnd(ctx context.Context, id string) (code int, err error) {
	return e.awaitEnd(ctx, id, container.WaitConditionNotRunning)
}

func (e *Engine) awaitEnd(ctx context.Context, id string, condition container.WaitCondition) (code int, err error) {
	return received(e.ContainerWait(ctx, id, condition))
}

func received(statuses <-chan container.WaitResponse, errs <-chan error) (code int, err error) {
	select {
	case status := <-statuses:
		return int(status.StatusCode), nil
	case err := <-errs:
		return 0, err
	}
}

// RunOneOff starts a container attached to the streams, and returns its exit code when it has ended; one that is removed then is waited
// for until it is. It goes on after ctx has ended: signals are what ends the container.
func (e *Engine) RunOneOff(ctx context.Context, name string, removed bool, x Exec) (code int, err error) {
	lasting := context.WithoutCancel(ctx)
	stream, err := e.ContainerAttach(lasting, name, container.AttachOptions{Stream: true, Stdin: x.In != nil, Stdout: true, Stderr: true})
	if err != nil {
		return 0, fmt.Errorf("attaching to container %q: %w", name, err)
	}
	defer stream.Close()
	condition := container.WaitConditionNextExit
	if removed {
		condition = container.WaitConditionRemoved
	}
	statuses, errs := e.ContainerWait(lasting, name, condition)
	if err := e.StartOneOff(ctx, name); err != nil {
		return 0, err
	}
	if x.Started != nil {
		if err := x.Started(); err != nil {
			return 0, err
		}
	}
	if x.WatchSize != nil {
		watching, stop := context.WithCancel(lasting)
		defer stop()
		go x.WatchSize(watching, func(width, height int) {
			_ = e.ContainerResize(lasting, name, container.ResizeOptions{Width: uint(width), Height: uint(height)}) // a courtesy
		})
	}
	go func() { // ends with its input, or with the process: a read of a terminal cannot be interrupted
		_, _ = io.Copy(stream.Conn, x.In)
		_ = stream.CloseWrite()
	}()
	printed := make(chan struct{})
	go func() { // ends with the container
		defer close(printed)
		if x.TTY {
			_, _ = io.Copy(x.Out, stream.Reader)
		} else {
			_, _ = stdcopy.StdCopy(x.Out, x.Err, stream.Reader)
		}
	}()
	code, err = received(statuses, errs)
	if err != nil {
		stream.Close()
	}
	<-printed
	if err != nil {
		err = errors.Join(fmt.Errorf("waiting for container %q: %w", name, err), ctx.Err())
	}
	return code, err
}
