package demo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
)

const (
	webPort   = 5002 // in the access log, as in the real stack
	storePort = 6379
)

// ensure returns the container of a service with a number, made if there is none.
func (s *Stack) ensure(service string, number int) *unit {
	for _, u := range s.of(service) {
		if u.Number == number {
			return u
		}
	}
	u := &unit{out: s.output(service, number)}
	address := map[string]byte{Redis: 2, Nginx: 3, Web: byte(10 + number)}[service]
	u.Service, u.Number, u.Name, u.State = service, number, name(service, number), "created"
	u.Image, u.Status.Status, u.Command = "in this process", "in this process", service
	// Documentation's own network (RFC 5737): nothing listens there, the tiers are told apart by it in the access log.
	u.Addresses = map[string]netip.Addr{Project + "_default": netip.AddrFrom4([4]byte{192, 0, 2, address})}
	u.Labels = map[string]string{
		orchestrate.LabelProject: Project, orchestrate.LabelService: service, orchestrate.LabelContainerNumber: strconv.Itoa(number),
	}
	switch service {
	case Redis:
		u.Labels[orchestrate.LabelStorePort] = strconv.Itoa(storePort)
		s.redis.log = u.out
		u.tier, u.meter = s.redis, &meter{}
	case Nginx:
		u.Labels[orchestrate.LabelReady] = strconv.Itoa(webPort) + "/readyz"
		s.proxy.log = u.out
		u.tier, u.meter = s.proxy, &s.proxy.meter
	default:
		w := &webTier{redis: s.redis, log: u.out, page: s.page, upstream: fmt.Sprintf("192.0.2.%d:%d", address, webPort)}
		u.tier, u.meter = w, &w.meter
	}
	s.update(func() {
		s.made++
		sum := sha256.Sum256([]byte(u.Name + "#" + strconv.Itoa(s.made)))
		u.ID, u.Revision, u.Created = hex.EncodeToString(sum[:]), hex.EncodeToString(sum[:])[:7], s.clock()
		s.units = append(s.units, u)
		slices.SortFunc(s.units, func(a, b *unit) int {
			return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Number, b.Number))
		})
	}, event(u, watch.EventDeploy, "created"))
	return u
}

// drop forgets a container. It is called by update.
func (s *Stack) drop(u *unit) {
	s.units = slices.DeleteFunc(s.units, func(other *unit) bool { return other == u })
}

func (s *Stack) ports(service string) []orchestrate.Port {
	if service != Nginx {
		return nil
	}
	host, port := s.proxy.address()
	return []orchestrate.Port{{IP: host, PrivatePort: webPort, PublicPort: uint16(port), Type: "tcp"}}
}

// event makes an event; one without a kind is none.
func event(u *unit, kind watch.EventKind, words string) watch.Event {
	return watch.Event{Kind: kind, Service: u.Service, Container: u.Name, Text: fmt.Sprintf("%s-%d %s", u.Service, u.Number, words)}
}

// update changes the picture, and tells the watchers of it.
func (s *Stack) update(edit func(), e watch.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit()
	e.At = s.clock()
	state := s.state()
	for w := range s.watchers {
		w.put(e, state)
	}
}

// retryAfter is what a lost watcher says of when it tries again.
const retryAfter = 5 * time.Second

// state puts the picture together. Its parts are never changed in place, since a State never changes.
func (s *Stack) state() watch.State {
	state := watch.State{
		At: s.clock(), Project: Project, Err: s.lost, Containers: make([]watch.Container, len(s.units)),
		Engine: watch.Engine{Context: "demonstration", Version: "in this process"},
	}
	if s.lost != nil {
		state.RetryAt = state.At.Add(retryAfter)
	}
	for i, u := range s.units {
		state.Containers[i] = u.Container
		if s.lost != nil {
			state.Containers[i].Usage = nil
		}
	}
	return state
}

// Disconnect has the watchers see what they see when the engine is lost. The tiers go on.
func (s *Stack) Disconnect(err error) {
	s.update(func() { s.lost = fmt.Errorf("watching project %q: %w", Project, err) }, watch.Event{})
}

// Reconnect ends Disconnect.
func (s *Stack) Reconnect() {
	s.update(func() { s.lost = nil }, watch.Event{Kind: watch.EventReconnect, Text: "the engine answers again"})
}

// note is one thing for a watcher.
type note struct {
	event watch.Event // without a kind it is none
	state watch.State
}

// maxNotes bounds what waits for a slow watcher; then the oldest go, since each has the whole state.
const maxNotes = 256

// watcher is one call of Watch.
type watcher struct {
	notes []note // locked by the Stack's mu
	wake  chan struct{}
}

func (w *watcher) put(e watch.Event, state watch.State) {
	if len(w.notes) == maxNotes {
		w.notes = append(w.notes[:0], w.notes[1:]...)
	}
	w.notes = append(w.notes, note{e, state})
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (s *Stack) take(w *watcher) []note {
	s.mu.Lock()
	defer s.mu.Unlock()
	notes := w.notes
	w.notes = nil
	return notes
}

// firstUsage is how soon after its beginning a watcher measures.
const firstUsage = 500 * time.Millisecond

// Watch tells sink the state and what happens, as watch.Run does of an engine, until ctx ends.
func (s *Stack) Watch(ctx context.Context, sink watch.Sink) error {
	w := &watcher{wake: make(chan struct{}, 1)}
	s.mu.Lock()
	s.watchers[w] = struct{}{}
	w.put(watch.Event{}, s.state())
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
	}()
	if s.usageEvery > 0 {
		s.measure()
	}
	timer := time.NewTimer(min(firstUsage, max(s.usageEvery, 0)))
	defer timer.Stop()
	for {
		for _, n := range s.take(w) {
			if n.event.Kind != "" && sink.Event != nil {
				sink.Event(n.event)
			}
			if sink.State != nil {
				sink.State(n.state)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.wake:
		case <-timer.C:
			if s.usageEvery > 0 { // else the timer is not set again
				s.measure()
				timer.Reset(s.usageEvery)
			}
		}
	}
}
