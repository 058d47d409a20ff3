package main

import (
	"context"
	"net"
	"os/exec"
	"runtime"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui"
)

// live is a connection to the engine that the parts of the dashboard share. It is made when the first of them needs it, so that
// the dashboard opens at once, engine or not.
type live struct {
	app     *app
	project string

	turn chan struct{} // holds a token while nobody connects: who waits for it keeps to its own time
	eng  *engine.Engine
}

func newLive(a *app, project string) *live {
	l := &live{app: a, project: project, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// close closes the connection, when all that use it have ended.
func (l *live) close() {
	<-l.turn
	if l.eng != nil {
		_ = l.eng.Close()
	}
}

// engine returns the connection. One that was made once stays: its client dials again by itself.
func (l *live) engine(ctx context.Context) (*engine.Engine, error) {
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.eng != nil {
		return l.eng, nil
	}
	eng, err := l.app.connect(ctx)
	if err != nil {
		return nil, err
	}
	l.eng = eng
	return eng, nil
}

// statsEvery is how often usage is read: each reading wakes the engine too.
const statsEvery = 3 * time.Second

// logTail is how many of each container's last lines the dashboard begins with.
const logTail = 500

// logWindow is how long a line waits for an older one of another container: shorter than elsewhere, for what is followed is to be new.
const logWindow = 20 * time.Millisecond

// logNewest is how late a log may come before it goes on at its end: with what the screen takes, a quarter of a second.
const logNewest = 100 * time.Millisecond

// sources is what the dashboard reads; nothing in it changes the stack.
func (l *live) sources() tui.Sources {
	return tui.Sources{
		Project: l.project,
		Watch: func(ctx context.Context, sink watch.Sink) error {
			return watch.Run(ctx, l.watched, watch.Options{Project: l.project, StatsEvery: statsEvery}, sink)
		},
		Logs: func(ctx context.Context, emit func(logs.Line) error) error {
			eng, err := l.engine(ctx)
			if err != nil {
				return err
			}
			follower := eng.Follow()
			defer follower.Close()
			return logs.Stream(ctx, follower, logs.Options{Project: l.project, Follow: true, Tail: logTail, Window: logWindow, Newest: logNewest}, emit)
		},
		Redis: l.dialRedis,
		Details: func(ctx context.Context, id string) (watch.Details, error) {
			eng, err := l.engine(ctx)
			if err != nil {
				return watch.Details{}, err
			}
			return watch.Inspect(ctx, eng, id)
		},
		History: historyFile(),
		Open:    openURL,
	}
}

// watched connects for the watcher, which asks again after each loss: the engine may be another version then.
func (l *live) watched(ctx context.Context) (watch.Source, watch.Engine, error) {
	eng, err := l.engine(ctx)
	if err != nil {
		return nil, watch.Engine{}, err
	}
	version, err := eng.ServerVersion(ctx)
	if err != nil {
		return nil, watch.Engine{}, engine.Explain(ctx, eng.Address, err)
	}
	return eng, watch.Engine{Context: eng.Context, Address: eng.Address, Version: version.Version, API: eng.API}, nil
}

func (l *live) dialRedis(ctx context.Context) (net.Conn, error) {
	eng, err := l.engine(ctx)
	if err != nil {
		return nil, err
	}
	address, err := eng.StoreAddress(ctx, l.project)
	if err != nil {
		return nil, err
	}
	return eng.DialService(ctx, l.project, address)
}

// openLimit bounds the program that opens a browser; it ends at once, the browser goes on.
const openLimit = 5 * time.Second

func openURL(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	program, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		program = "open"
	case "windows":
		program, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	return exec.CommandContext(ctx, program, args...).Run()
}
