// Package demo is the three tiers in this one process, without Docker: the real web tier, a Redis in memory and a proxy in nginx's place.
// It shows itself to the dashboard as an engine would, and breaks on demand, which makes it the harness of the dashboard's tests too.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
)

// Project is the name that the demonstration has as a project.
const Project = "demo"

// The services.
const (
	Nginx = "nginx"
	Web   = "web"
	Redis = "redis"
)

// MaxReplicas bounds Scale.
const MaxReplicas = 16

// Options say how to start.
type Options struct {
	Port     int    // on 127.0.0.1; 0 takes a free one
	Replicas int    // of the web tier; 0 means 2
	Page     string // what browsers get: server.Config.Page

	// Clock is what states, events and log lines are stamped with; nil means time.Now.
	Clock func() time.Time
	// UsageEvery is how often a watcher measures usage; 0 means every 2 s, less leaves it out.
	UsageEvery time.Duration
}

// tier is what runs in one of the containers that are none. start is called for what is stopped only, and stop for what runs.
type tier interface {
	start(life context.Context) error
	stop()
}

// unit stands for a container. Its fields that change are the Stack's to lock.
type unit struct {
	watch.Container
	tier  tier
	out   *output
	meter *meter
}

// Stack is a running demonstration.
type Stack struct {
	clock      func() time.Time
	usageEvery time.Duration
	replicas   int
	page       string
	life       context.Context // ends with Close
	end        context.CancelFunc
	journal    *journal
	busy       chan struct{} // holds one value while something is changed
	closed     sync.Once

	redis *redisTier // its data outlives its container
	proxy *proxyTier

	mu       sync.Mutex
	units    []*unit // sorted by service and number
	made     int     // containers so far, for their IDs
	lost     error   // why the engine, were there one, does not answer
	watchers map[*watcher]struct{}
	usage    usage
}

// Start starts all tiers. ctx bounds the start alone; Close ends what was started.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Replicas == 0 {
		o.Replicas = 2
	}
	if o.UsageEvery == 0 {
		o.UsageEvery = 2 * time.Second
	}
	if o.Replicas < 0 || o.Replicas > MaxReplicas {
		return nil, fmt.Errorf("starting %d replicas: use 1 to %d", o.Replicas, MaxReplicas)
	}
	s := &Stack{
		clock: o.Clock, usageEvery: o.UsageEvery, replicas: o.Replicas, page: o.Page, journal: newJournal(o.Clock), busy: make(chan struct{}, 1),
		watchers: map[*watcher]struct{}{},
	}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.redis = newRedisTier(o.Clock)
	s.proxy = &proxyTier{clock: o.Clock, host: "127.0.0.1", port: o.Port}
	if _, err := s.Up(ctx, nil); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close stops all tiers and waits for them.
func (s *Stack) Close() {
	s.closed.Do(func() {
		s.busy <- struct{}{} // for good: nothing is changed any more
		for _, service := range []string{Nginx, Web, Redis} {
			for _, u := range s.of(service) {
				if u.State == "running" {
					u.tier.stop()
				}
			}
		}
		s.end()
	})
}

// URL is where the demonstration answers.
func (s *Stack) URL() string {
	host, port := s.proxy.address()
	return "http://" + net.JoinHostPort(host, fmt.Sprint(port)) + "/"
}

// Dial connects to the Redis in memory.
func (s *Stack) Dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	lost := s.lost
	s.mu.Unlock()
	if lost != nil {
		return nil, lost
	}
	address := s.redis.addr()
	if address == "" {
		return nil, errors.New("connecting to Redis: it was never started")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting to Redis, which does not run or is starting: %w", err)
	}
	return conn, nil
}

func (s *Stack) output(service string, number int) *output {
	return &output{journal: s.journal, line: logs.Line{Container: name(service, number), Service: service, Replica: number}}
}

func name(service string, number int) string {
	return fmt.Sprintf("%s-%s-%d", Project, service, number)
}

// of returns the service's units, by number.
func (s *Stack) of(service string) []*unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*unit
	for _, u := range s.units {
		if u.Service == service {
			found = append(found, u)
		}
	}
	return found
}

// find returns the container with an ID.
func (s *Stack) find(id string) (*unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.units {
		if u.ID == id {
			return u, nil
		}
	}
	return nil, fmt.Errorf("finding container %q: there is none; it may have been removed", id[:min(len(id), 12)])
}
