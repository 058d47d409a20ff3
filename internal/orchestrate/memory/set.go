package memory

import (
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
)

// What follows happens in a real engine by itself or by other hands: tests make it happen. It is not counted as a call.
// Nearly all of it panics where there is no such container, so that a test's mistake is seen.

func (e *Engine) must(name string, do func(*box)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(name)
	if err != nil {
		panic(err)
	}
	do(c)
}

// Exit ends the container's program.
func (e *Engine) Exit(name string, code int) { e.must(name, func(c *box) { e.end(c, code) }) }

// Pause freezes the container's program.
func (e *Engine) Pause(name string) { e.must(name, func(c *box) { c.state = container.StatePaused }) }

// Restarting puts the container between two starts by its restart policy.
func (e *Engine) Restarting(name string, restarts int) {
	e.must(name, func(c *box) {
		e.end(c, 1)
		c.state, c.restarts = container.StateRestarting, restarts
	})
}

// Die leaves the container as a removal that failed does.
func (e *Engine) Die(name string) {
	e.must(name, func(c *box) {
		e.end(c, 0)
		c.state = container.StateDead
	})
}

// Removing leaves the container as one is while the engine removes it, until it is Gone.
func (e *Engine) Removing(name string) {
	e.must(name, func(c *box) {
		e.end(c, 0)
		c.state = container.StateRemoving
	})
}

// Gone ends the removal of a container.
func (e *Engine) Gone(name string) { e.must(name, func(c *box) { delete(e.containers, c.id) }) }

// SetHealth sets what the container's healthcheck says: starting, healthy or unhealthy.
func (e *Engine) SetHealth(name, health string) { e.must(name, func(c *box) { c.health = health }) }

// SetStatus sets the words in which the container's state is listed.
func (e *Engine) SetStatus(name, status string) { e.must(name, func(c *box) { c.status = status }) }

// SetLabel changes a label, which no real engine does: it stands for a container that was made otherwise.
func (e *Engine) SetLabel(name, label, value string) {
	e.must(name, func(c *box) { c.config.Labels[label] = value })
}

// Rename gives the container another name.
func (e *Engine) Rename(name, to string) { e.must(name, func(c *box) { c.name = to }) }

// WriteFile changes a file as an exec in the container would.
func (e *Engine) WriteFile(name, path, content string) {
	e.must(name, func(c *box) {
		files, _ := e.filesAt(c, path)
		files[path] = file{content: content, modified: c.created}
	})
}

// File returns a file's content, "" when it is not there.
func (e *Engine) File(name, path string) (content string) {
	e.must(name, func(c *box) {
		files, _ := e.filesAt(c, c.bound(path))
		content = files[c.bound(path)].content
	})
	return content
}

// Read returns what the container's program read from a file at its start or its last reload.
func (e *Engine) Read(name, path string) (content string) {
	e.must(name, func(c *box) { content = c.read[path].content })
	return content
}

// Address returns the container's address on a network, "" without one.
func (e *Engine) Address(name, network string) (address string) {
	e.must(name, func(c *box) {
		if end := c.endpoints[network]; end != nil && end.address.IsValid() {
			address = end.address.String()
		}
	})
	return address
}

// State returns the container's state, "" when there is none.
func (e *Engine) State(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(name)
	if err != nil {
		return ""
	}
	return c.state
}

// Has reports whether there is a container of the name.
func (e *Engine) Has(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.find(name)
	return err == nil
}

// Disconnect takes the container off a network, as `docker network disconnect --force` does.
func (e *Engine) Disconnect(name, network string) {
	e.must(name, func(c *box) { delete(c.endpoints, network) })
}

// Signal makes it known that the program was sent a signal, by its number; what it does then is another matter.
func (e *Engine) Signal(name, number string) {
	e.must(name, func(c *box) { e.happened(c, events.ActionKill, "signal", number) })
}

// Stop is a stop by other hands that takes no time.
func (e *Engine) Stop(name string, code int) {
	e.Signal(name, "15")
	e.Exit(name, code)
}
