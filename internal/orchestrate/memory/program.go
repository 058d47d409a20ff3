package memory

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/pkg/stdcopy"
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
	// Process does the program's work; nil is a program that is only a state.
	Process Process
}

// Process is a program that runs inside this one. The engine starts what does not run and stops what does, and takes no calls from
// Start, Reload and Usage.
type Process interface {
	Start(c Container) error
	// Reload is called at a SIGHUP.
	Reload(c Container)
	// Stop returns when it has ended. One that is killed says no more.
	Stop(killed bool)
	Usage() Usage
	// Dial connects to a port of it.
	Dial(ctx context.Context, port string) (net.Conn, error)
}

// Container is what a process sees of its container.
type Container struct {
	Name      string
	Addresses map[string]netip.Addr // by network
	Files     map[string]string     // by path
	Out, Err  io.Writer             // take whole lines
}

// Usage is what a process has used since it was started.
type Usage struct {
	CPU            time.Duration
	Memory         uint64 // bytes, now
	Received, Sent uint64 // bytes
}

// Run sets the program of the container that has, or will have, the name.
func (e *Engine) Run(name string, p Program) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.programs[name] = p
}

// RunImage sets the program of the containers that have an image and no program of their own; it is asked for at each start, with the
// container's name.
func (e *Engine) RunImage(ref string, program func(name string) Program) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.images[ref]
	p.program = program
	e.images[ref], e.images[p.id] = p, p
}

// program is what runs, or ran last, in a container.
func (e *Engine) program(c *box) Program {
	if p, ok := e.programs[c.name]; ok {
		return p
	}
	return c.program
}

// begin starts a container's program.
func (e *Engine) begin(c *box) error {
	if err := e.joinNetworks(c); err != nil {
		return err
	}
	if err := e.publish(c); err != nil {
		return err
	}
	if program := e.images[c.image].program; program != nil {
		c.program = program(c.name)
	}
	e.happened(c, events.ActionStart)
	program := e.program(c)
	c.state, c.status, c.exit, c.failure, c.health, c.started = container.StateRunning, "", 0, "", "", e.now()
	c.read = e.allFiles(c)
	c.journal.setOpen(true)
	if check := c.config.Healthcheck; check != nil && len(check.Test) > 0 && check.Test[0] != "NONE" {
		c.health = container.Healthy
		if program.Health != "" {
			c.health = program.Health
		}
	}
	if program.Process != nil {
		if err := program.Process.Start(c.seen()); err != nil {
			fmt.Fprintln(output{c.journal, stdcopy.Stderr}, err)
			program.Ends, program.Code = true, 1
		} else {
			c.process = program.Process
		}
	}
	if program.Ends {
		e.end(c, program.Code)
	}
	return nil
}

// seen is the container as its program sees it.
func (c *box) seen() Container {
	s := Container{
		Name: c.name, Addresses: map[string]netip.Addr{}, Files: map[string]string{},
		Out: output{c.journal, stdcopy.Stdout}, Err: output{c.journal, stdcopy.Stderr},
	}
	for name, end := range c.endpoints {
		s.Addresses[name] = end.address
	}
	for name, f := range c.read {
		s.Files[name] = f.content
	}
	return s
}

// halt ends the container's program. That may take its time, in which the engine takes other calls.
func (e *Engine) halt(c *box, code int) {
	if process := c.process; process != nil {
		c.process = nil
		if code == killed { // it has no time for last words
			c.journal.setOpen(false)
		}
		e.mu.Unlock()
		process.Stop(code == killed)
		e.mu.Lock()
	}
	if c.alive() || c.state == container.StateRestarting {
		e.end(c, code)
	}
}

// killed is the exit code of what SIGKILL has ended.
const killed = 137

// end makes the container one whose program has ended.
func (e *Engine) end(c *box, code int) {
	e.leaveNetworks(c)
	e.died(c, code)
	c.state, c.status, c.exit, c.health, c.signalled, c.finished = container.StateExited, "", code, "", false, e.now()
	c.journal.setOpen(false)
}

// reload makes the container's program read its files again.
func (e *Engine) reload(c *box) {
	c.read = e.allFiles(c)
	c.reloads++
	if c.process != nil {
		c.process.Reload(c.seen())
	}
}

// allFiles copies what the container's program sees.
func (e *Engine) allFiles(c *box) map[string]file {
	all := maps.Clone(c.files)
	for _, name := range c.mounts {
		maps.Copy(all, e.volumes[name].files)
	}
	return all
}
