package enginetest

import (
	"context"
	"fmt"
	"maps"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
)

// Program says how a container's program behaves when it is started. The zero value runs, and is healthy where the
// container has a healthcheck.
type Program struct {
	Ends   bool // at once, with Code
	Code   int
	Health string // "healthy" when empty
	Ignore bool   // SIGTERM: a stop ends with 137
	// Command answers what is run in the container beside its program; nil answers 0 with no output, or 1 where Health is
	// not "healthy".
	Command func(command []string, files map[string]string) (output string, exitCode int)
}

// Run sets the program of the container that has, or will have, the name.
func (e *Engine) Run(name string, p Program) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.programs[name] = p
}

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

func (e *Engine) begin(c *box) error {
	if err := e.joinNetworks(c); err != nil {
		return err
	}
	if err := e.publish(c); err != nil {
		return err
	}
	e.happened(c, events.ActionStart)
	program := e.programs[c.name]
	c.state, c.status, c.exit, c.failure, c.health = container.StateRunning, "", 0, "", ""
	c.read = e.allFiles(c)
	if check := c.config.Healthcheck; check != nil && len(check.Test) > 0 && check.Test[0] != "NONE" {
		c.health = container.Healthy
		if program.Health != "" {
			c.health = program.Health
		}
	}
	if program.Ends {
		e.end(c, program.Code)
	}
	return nil
}

func (e *Engine) end(c *box, code int) {
	e.leaveNetworks(c)
	e.happened(c, events.ActionDie)
	c.state, c.status, c.exit, c.health, c.signalled = container.StateExited, "", code, "", false
}

// ContainerStop ends the program; one that does not run is no error.
func (e *Engine) ContainerStop(ctx context.Context, ref string, _ container.StopOptions) error {
	return e.with(ctx, "ContainerStop", ref, func(c *box) error {
		switch {
		case c.alive(), c.state == container.StateRestarting:
			code := 0
			if e.programs[c.name].Ignore || c.state == container.StatePaused {
				code = 137
			}
			e.end(c, code)
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
		switch signal {
		case "SIGHUP", "HUP":
			if c.state == container.StatePaused {
				c.signalled = true
				return nil
			}
			c.read = e.allFiles(c)
			c.reloads++
		case "SIGTERM", "SIGQUIT":
			e.end(c, 0)
		case "", "SIGKILL":
			e.end(c, 137)
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
		if c.signalled {
			c.read, c.signalled = e.allFiles(c), false
		}
		return nil
	})
}

// allFiles copies what the container's program sees.
func (e *Engine) allFiles(c *box) map[string]file {
	all := maps.Clone(c.files)
	for _, name := range c.mounts {
		maps.Copy(all, e.volumes[name].files)
	}
	return all
}

// RunCommand runs a command beside the container's program.
func (e *Engine) RunCommand(ctx context.Context, ref string, command []string) (output string, exitCode int, err error) {
	err = e.with(ctx, "RunCommand", ref, func(c *box) error {
		if c.state != container.StateRunning {
			return conflict("Container %s is not running", c.id)
		}
		program := e.programs[c.name]
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
