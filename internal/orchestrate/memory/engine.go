// Package memory is a Docker engine in memory that behaves: what is created is listed, names are unique, subnets do
// not overlap, volumes in use stay. Its rules and the wording of its errors are those of a Docker 20.10 engine, found by
// trying. Programs that act on an engine are tested with it without one.
package memory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/events"
)

// Engine is the engine. Its methods may be called at once from many goroutines.
type Engine struct {
	// Clock tells containers' times; nil makes each of them a second younger than the one before it, the same in every run.
	Clock func() time.Time

	mu         sync.Mutex
	containers map[string]*box // by ID
	networks   map[string]*wire
	volumes    map[string]*disk
	images     map[string]picture // by reference
	programs   map[string]Program // by container name
	serial     int
	past       []events.Message

	subscriptions map[*subscription]struct{}
	connected     context.Context // ends when the engine is lost
	disconnect    context.CancelCauseFunc

	hooks hooks
}

// New returns an engine that has nothing but the network that every engine has.
func New() *Engine {
	e := &Engine{
		containers: map[string]*box{}, networks: map[string]*wire{}, volumes: map[string]*disk{},
		images: map[string]picture{}, programs: map[string]Program{}, subscriptions: map[*subscription]struct{}{},
	}
	e.connected, e.disconnect = context.WithCancelCause(context.Background())
	bridge := &wire{id: e.newID(), name: "bridge", driver: "bridge"}
	bridge.setPool("172.17.0.0/16", "")
	e.networks[bridge.id] = bridge
	return e
}

// epoch is when the engine's time begins, where no clock tells it.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (e *Engine) now() time.Time {
	if e.Clock != nil {
		return e.Clock()
	}
	return epoch.Add(time.Duration(e.serial) * time.Second)
}

// newID makes IDs that look like the engine's own.
func (e *Engine) newID() string {
	e.serial++
	sum := sha256.Sum256(fmt.Append(nil, "object ", e.serial))
	return hex.EncodeToString(sum[:])
}

// call runs one request: the hooks first, then what it does, which no other request sees half done.
func (e *Engine) call(ctx context.Context, method, object string, do func() error) error {
	done, err := e.hooks.enter(ctx, method, object)
	if err != nil {
		return err
	}
	if err := cmp.Or(ctx.Err(), e.lost()); err != nil {
		return err
	}
	e.mu.Lock()
	err = do()
	e.mu.Unlock()
	return done(err)
}

// Dump lists every object, a line each, sorted: containers with their state, networks with their subnet, volumes.
func (e *Engine) Dump() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var lines []string
	for _, c := range e.containers {
		lines = append(lines, fmt.Sprintf("container %s: %s", c.name, c.state))
	}
	for _, n := range e.networks {
		lines = append(lines, fmt.Sprintf("network %s: %s", n.name, n.subnet))
	}
	for _, v := range e.volumes {
		lines = append(lines, "volume "+v.name)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// volumeNames is sorted, so that what depends on it is the same in every run.
func (e *Engine) volumeNames() []string { return slices.Sorted(maps.Keys(e.volumes)) }
