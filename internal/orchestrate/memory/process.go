package memory

import (
	"cmp"
	"context"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
)

// ContainerStart joins the container to its networks, publishes its ports and runs its program.
func (e *Engine) ContainerStart(ctx context.Context, ref string, _ container.StartOptions) error {
	return e.with(ctx, "ContainerStart", ref, func(c *box) error {
		switch c.state {
		case container.StateRunning, container.StateRestarting:
			return nil
		case container.StatePaused:
			return conflict("cannot start a paused container, try unpause instead")
		case container.StateDead, container.StateRemoving:
			return conflict("container is marked for removal and cannot be started")
		}
		if err := e.begin(c); err != nil {
			e.leaveNetworks(c)
			c.failure, c.exit = err.Error(), 128
			return err
		}
		return nil
	})
}

// ContainerStop ends the program; one that does not run is no error.
func (e *Engine) ContainerStop(ctx context.Context, ref string, _ container.StopOptions) error {
	return e.with(ctx, "ContainerStop", ref, func(c *box) error {
		switch {
		case c.alive(), c.state == container.StateRestarting:
			code := 0
			if e.program(c).Ignore || c.state == container.StatePaused {
				code = killed
			}
			e.told(c, cmp.Or(c.config.StopSignal, "SIGTERM"))
			e.halt(c, code)
			e.happened(c, events.ActionStop)
		case c.state == container.StateRemoving:
			return conflict("removal of container %s is already in progress", ref)
		}
		return nil
	})
}

// ContainerKill signals the program: SIGHUP makes it read its files again, SIGTERM, SIGQUIT and SIGKILL end it.
func (e *Engine) ContainerKill(ctx context.Context, ref, signal string) error {
	return e.with(ctx, "ContainerKill", ref, func(c *box) error {
		if !c.alive() {
			return conflict("Cannot kill container: %s: Container %s is not running", ref, c.id)
		}
		e.told(c, cmp.Or(signal, "SIGKILL"))
		switch signal {
		case "SIGHUP", "HUP":
			if c.state == container.StatePaused {
				c.signalled = true
				return nil
			}
			e.reload(c)
		case "SIGTERM", "SIGQUIT":
			e.halt(c, 0)
		case "", "SIGKILL":
			e.halt(c, killed)
		}
		return nil
	})
}

// ContainerPause freezes a program.
func (e *Engine) ContainerPause(ctx context.Context, ref string) error {
	return e.with(ctx, "ContainerPause", ref, func(c *box) error {
		if c.state != container.StateRunning {
			return conflict("Container %s is not running", c.id)
		}
		c.state = container.StatePaused
		e.happened(c, events.ActionPause)
		return nil
	})
}

// ContainerUnpause lets a paused program go on.
func (e *Engine) ContainerUnpause(ctx context.Context, ref string) error {
	return e.with(ctx, "ContainerUnpause", ref, func(c *box) error {
		if c.state != container.StatePaused {
			return conflict("Container %s is not paused", c.id)
		}
		c.state = container.StateRunning
		e.happened(c, events.ActionUnPause)
		if c.signalled {
			c.signalled = false
			e.reload(c)
		}
		return nil
	})
}

// RunCommand runs a command beside the container's program.
func (e *Engine) RunCommand(ctx context.Context, ref string, command []string) (output string, exitCode int, err error) {
	err = e.with(ctx, "RunCommand", ref, func(c *box) error {
		if c.state != container.StateRunning {
			return conflict("Container %s is not running", c.id)
		}
		program := e.program(c)
		if program.Command == nil {
			if program.Health != "" && program.Health != container.Healthy {
				exitCode = 1
			}
			return nil
		}
		files := map[string]string{}
		for name, f := range e.allFiles(c) {
			files[name] = f.content
		}
		output, exitCode = program.Command(command, files)
		return nil
	})
	return output, exitCode, err
}

// ContainerTop lists the container's program and one worker of it, which is another after each reload.
func (e *Engine) ContainerTop(ctx context.Context, ref string, _ []string) (container.TopResponse, error) {
	top := container.TopResponse{Titles: []string{"UID", "PID", "PPID", "CMD"}}
	err := e.with(ctx, "ContainerTop", ref, func(c *box) error {
		if !c.alive() {
			return conflict("Container %s is not running", c.id)
		}
		main := c.serial * 1000
		top.Processes = [][]string{{"0", fmt.Sprint(main), "1", "main"}, {"0", fmt.Sprint(main + 1 + c.reloads), fmt.Sprint(main), "worker"}}
		return nil
	})
	return top, err
}
