// Package demo is the three tiers in this one process, without Docker: the real web tier, a Redis in memory and a proxy in nginx's place,
// run by an engine in memory. Whoever watches it or changes it does so as with any engine, which makes it the harness of the
// dashboard's tests too.
package demo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"strconv"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/stack"
)

// Project is the name that the demonstration has as a project.
const Project = "demo"

// The services.
const (
	Nginx = "nginx"
	Web   = "web"
	Redis = "redis"
)

// MaxReplicas bounds Options.Replicas.
const MaxReplicas = 16

// Options say how to start.
type Options struct {
	Port     int    // on 127.0.0.1; 0 takes a free one
	Replicas int    // of the web tier; 0 means 2
	Page     string // what browsers get: server.Config.Page
	// UsageEvery is how often a watcher measures usage; 0 means every 2 s, less leaves it out.
	UsageEvery time.Duration
}

// Stack is a running demonstration.
type Stack struct {
	engine     *memory.Engine
	files      files
	port       int
	usageEvery time.Duration
}

// Start starts all tiers. ctx bounds the start alone; Close ends what was started.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Replicas == 0 {
		o.Replicas = 2
	}
	if o.Replicas < 0 || o.Replicas > MaxReplicas {
		return nil, fmt.Errorf("starting %d replicas: use 1 to %d", o.Replicas, MaxReplicas)
	}
	port, err := freePort(ctx, o.Port)
	if err != nil {
		return nil, err
	}
	s := &Stack{
		engine: newEngine(port, o.Page), port: port, usageEvery: o.UsageEvery,
		files: files{"STACKCTL_PORT": strconv.Itoa(port), "DEMO_REPLICAS": strconv.Itoa(o.Replicas)},
	}
	p := s.Project(nil)
	described, err := project.Choose(ctx, s.files, project.UpOptions{})
	if err == nil {
		_, err = p.Up(ctx, described, project.UpOptions{})
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("starting the demonstration: %w", err)
	}
	return s, nil
}

// freePort finds out whether a port can be had, and which where any will do.
func freePort(ctx context.Context, port int) (int, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", localAddress(port))
	if err != nil {
		return 0, fmt.Errorf("listening on port %d: %w; --port chooses another, 0 a free one", port, err)
	}
	defer ln.Close()
	if address, ok := ln.Addr().(*net.TCPAddr); ok {
		port = address.Port
	}
	return port, nil
}

func localAddress(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// newEngine makes an engine whose images are the tiers. What Redis holds outlives its container, as the real stack's volume does.
func newEngine(port int, page string) *memory.Engine {
	e := memory.New()
	e.Clock = time.Now
	shares, redis, replicas := &shares{}, newRedisTier(), &replicas{}
	redis.shares = shares
	proxy := &proxyTier{port: port, replicas: replicas, shares: shares}
	for service, process := range map[string]func() memory.Process{
		Redis: func() memory.Process { return redis },
		Nginx: func() memory.Process { return proxy },
		Web:   func() memory.Process { return &webTier{redis: redis, page: page, replicas: replicas, shares: shares} },
	} {
		ref := "in-this-process/" + service
		e.AddImage(ref, "sha256:"+service)
		e.RunImage(ref, func(string) memory.Program { return memory.Program{Process: process()} })
	}
	return e
}

//go:embed stack
var folder embed.FS

// files is the embedded Compose file, with its variables.
type files map[string]string

func (f files) Read(ctx context.Context, chosen stack.Settings) (*stack.Stack, error) {
	content, err := fs.Sub(folder, "stack")
	if err != nil {
		return nil, err
	}
	environment := maps.Clone(f)
	maps.Copy(environment, chosen.Variables)
	return stack.Read(ctx, stack.Options{Default: content, ProjectName: Project, Environment: environment})
}

func (files) Embedded(context.Context) (bool, error) { return true, nil }

// Project is what can be done to the demonstration.
func (s *Stack) Project(sink report.Sink) *project.Project {
	return &project.Project{Name: Project, Engine: s.engine, Address: "demonstration on port " + strconv.Itoa(s.port), Files: s.files, Sink: sink}
}

var errEnded = errors.New("the demonstration has ended")

// Close stops all tiers and waits for them.
func (s *Stack) Close() {
	s.engine.Lose(errEnded)
	s.engine.Shutdown(Nginx, Web, Redis)
}

// URL is where the demonstration answers.
func (s *Stack) URL() string { return "http://" + localAddress(s.port) + "/" }

// Watch tells sink the state and what happens, until ctx ends.
func (s *Stack) Watch(ctx context.Context, sink watch.Sink) error {
	connect := func(ctx context.Context) (watch.Source, watch.Engine, error) {
		version, err := s.engine.ServerVersion(ctx)
		return s.engine, watch.Engine{Context: "demonstration", Version: version.Version}, err
	}
	return watch.Run(ctx, connect, watch.Options{Project: Project, StatsEvery: s.usageEvery, NoStats: s.usageEvery < 0}, sink)
}

// How the logs are read: from where on, and how late a line may come. See cmd's dashboard on an engine.
const (
	logTail   = 500
	logWindow = 20 * time.Millisecond
	logNewest = 100 * time.Millisecond
)

// Logs gives emit the lines of all tiers in the order of time: the last, then those that follow, until ctx ends.
func (s *Stack) Logs(ctx context.Context, emit func(logs.Line) error) error {
	return logs.Stream(ctx, s.engine, logs.Options{Project: Project, Follow: true, Tail: logTail, Window: logWindow, Newest: logNewest}, emit)
}

// Details describes one container for people.
func (s *Stack) Details(ctx context.Context, id string) (watch.Details, error) {
	return watch.Inspect(ctx, s.engine, id)
}

// Dial connects to the Redis in memory.
func (s *Stack) Dial(ctx context.Context) (net.Conn, error) {
	return s.engine.DialService(ctx, Project, "redis:6379")
}

// Disconnect has the watchers see what they see when the engine is lost. The tiers go on.
func (s *Stack) Disconnect(err error) { s.engine.Lose(err) }

// Reconnect ends Disconnect.
func (s *Stack) Reconnect() { s.engine.Lose(nil) }
