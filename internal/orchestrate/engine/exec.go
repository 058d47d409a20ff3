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
	// Resize sends the terminal's size, first as it is and then whenever it changes; nil without a terminal.
	Resize <-chan Size
}

// Size is a terminal's size in cells.
type Size struct{ Width, Height uint }

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
	done := make(chan struct{})
	defer close(done)
	if x.Resize != nil {
		go e.resize(ctx, created.ID, x.Resize, done)
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
	return e.ContainerExecStart(ctx, created.ID, container.ExecStartOptions{Detach: true})
}

// maxOutput bounds what RunCommand returns of a command's output, in bytes.
const maxOutput = 4 << 10

// RunCommand runs a command in a container and returns the beginning of what it printed, and its exit code.
func (e *Engine) RunCommand(ctx context.Context, containerID string, command []string) (output string, exitCode int, err error) {
	var head head
	exitCode, err = e.Exec(ctx, containerID, Exec{Command: command, Out: &head, Err: &head})
	return string(head), exitCode, err
}

// head keeps the first maxOutput bytes that are written to it.
type head []byte

func (h *head) Write(p []byte) (int, error) {
	*h = append(*h, p[:min(len(p), maxOutput-len(*h))]...)
	return len(p), nil
}

func (e *Engine) resize(ctx context.Context, id string, sizes <-chan Size, done chan struct{}) {
	for {
		select {
		case <-done:
			return
		case size, ok := <-sizes:
			if !ok {
				return
			}
			// The size is a courtesy: a program that has just ended cannot take it.
			_ = e.ContainerExecResize(ctx, id, container.ResizeOptions{Width: size.Width, Height: size.Height})
		}
	}
}

// exitCode asks for the exit code; the stream may end a moment before the engine has noted it.
func (e *Engine) exitCode(ctx context.Context, id string) (int, error) {
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		info, err := e.ContainerExecInspect(limited, id)
		if err != nil {
			return 0, fmt.Errorf("reading the exit code: %w", err)
		}
		if !info.Running {
			return info.ExitCode, nil
		}
		select {
		case <-limited.Done():
			return 0, fmt.Errorf("reading the exit code: %w", limited.Err())
		case <-ticker.C:
		}
	}
}
