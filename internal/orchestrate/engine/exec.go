package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Exec says what to run in a container.
type Exec struct {
	Command    []string
	Env        []string // NAME=VALUE
	User       string   // "" is the container's
	WorkingDir string   // "" is the container's
	TTY        bool
	In         io.Reader // nil for none
	Out        io.Writer
	Err        io.Writer
	// WatchSize reports the terminal's size in cells, now and at each change, until its context ends; nil without a terminal.
	WatchSize func(ctx context.Context, report func(width, height int))
	// Started is called when a one-off container has been started; nil is nothing.
	Started func() error
}

// Exec runs a command in a container and returns its exit code.
func (e *Engine) Exec(ctx context.Context, containerID string, x Exec) (int, error) {
	created, err := e.ContainerExecCreate(ctx, containerID, container.ExecOptions{
		Cmd: x.Command, Env: x.Env, User: x.User, WorkingDir: x.WorkingDir, Tty: x.TTY, AttachStdin: x.In != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, fmt.Errorf("creating exec in container %q: %w", containerID, err)
	}
	stream, err := e.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{Tty: x.TTY})
	if err != nil {
		return 0, fmt.Errorf("attaching to exec in container %q: %w", containerID, err)
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	if x.In != nil {
		go func() { // ends with its input, or with the process: a read of a terminal cannot be interrupted
			_, _ = io.Copy(stream.Conn, x.In)
			_ = stream.CloseWrite()
		}()
	}
	if x.WatchSize != nil {
		watching, stop := context.WithCancel(ctx)
		defer stop()
		go x.WatchSize(watching, func(width, height int) {
			// The size is a courtesy: a program that has just ended cannot take it.
			_ = e.ContainerExecResize(ctx, created.ID, container.ResizeOptions{Width: uint(width), Height: uint(height)})
		})
	}
	if x.TTY {
		_, err = io.Copy(x.Out, stream.Reader)
	} else {
		_, err = stdcopy.StdCopy(x.Out, x.Err, stream.Reader)
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("reading from exec in container %q: %w", containerID, err)
	}
	return e.exitCode(ctx, created.ID)
}

// ExecDetached starts a command in a container and does not wait for it.
func (e *Engine) ExecDetached(ctx context.Context, containerID string, x Exec) error {
	created, err := e.ContainerExecCreate(ctx, containerID, container.ExecOptions{Cmd: x.Command, Env: x.Env, User: x.User, WorkingDir: x.WorkingDir})
	if err != nil {
		return fmt.Errorf("creating exec in container %q: %w", containerID, err)
	}
	if err := e.ContainerExecStart(ctx, created.ID, container.ExecStartOptions{Detach: true}); err != nil {
		return fmt.Errorf("starting exec in container %q: %w", containerID, err)
	}
	return nil
}

// maxOutput bounds what RunCommand returns of a command's output, in bytes.
const maxOutput = 4 << 10

// RunCommand runs a command in a container, which may take as long as any call, and returns the beginning of what it printed, and its
// exit code.
func (e *Engine) RunCommand(ctx context.Context, containerID string, command []string) (output string, exitCode int, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, e.Limit, &NoAnswerError{After: e.Limit})
	defer cancel()
	var head head
	exitCode, err = e.Exec(limited, containerID, Exec{Command: command, Out: &head, Err: &head})
	if err != nil {
		err = reasonOf(limited, ctx, err)
	}
	return string(head), exitCode, err
}

// Pipe runs a command in a container between two streams; problem is the beginning of its standard error. Only ctx bounds it.
func (e *Engine) Pipe(ctx context.Context, containerID string, command []string, in io.Reader, out io.Writer) (problem string, exitCode int, err error) {
	var failure head
	exitCode, err = e.Exec(ctx, containerID, Exec{Command: command, In: in, Out: out, Err: &failure})
	return string(failure), exitCode, err
}

// head keeps the first maxOutput bytes that are written to it.
type head []byte

func (h *head) Write(p []byte) (int, error) {
	*h = append(*h, p[:min(len(p), maxOutput-len(*h))]...)
	return len(p), nil
}

// endShare is the part of Limit that a command may still run for the engine after the end of its streams: with a minute, 10 s.
const endShare = 6

// exitCode asks for the exit code; the stream may end a moment before the engine has noted it.
func (e *Engine) exitCode(ctx context.Context, id string) (int, error) {
	over := time.NewTimer(e.Limit / endShare)
	defer over.Stop()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		info, err := e.ContainerExecInspect(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("reading the exit code: %w", err)
		}
		if !info.Running {
			return info.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-over.C:
			return 0, errors.New("reading the exit code: the command's output broke off, and it still runs; `stackctl top` shows it")
		case <-ticker.C:
		}
	}
}
