// Package dash joins the dashboard to an engine: what it reads of a project, and what it does to one.
package dash

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"stackctl.dev/stackctl/internal/history"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/prometheus"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui"
)

// Options say what the dashboard is of, and how it gets there.
type Options struct {
	Project string
	Target  engine.Target
	On      func(eng *engine.Engine) *project.Project
	History string // file of the Redis console's history; "" keeps it in memory alone
}

// Live is a connection to the engine that the parts of the dashboard share. It is made when the first of them needs it, so that
// the dashboard opens at once, engine or not.
type Live struct {
	Options

	turn chan struct{} // holds a token while nobody connects: who waits for it keeps to its own time
	eng  *engine.Engine
}

// New makes a connection that is to be closed.
func New(o Options) *Live {
	l := &Live{Options: o, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// Close closes the connection, when all that use it have ended.
func (l *Live) Close() {
	<-l.turn
	if l.eng != nil {
		_ = l.eng.Close()
	}
}

// engine returns the connection. One that was made once stays: its client dials again by itself.
func (l *Live) engine(ctx context.Context) (*engine.Engine, error) {
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.eng != nil {
		return l.eng, nil
	}
	eng, err := engine.Connect(ctx, l.Target)
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

// Sources are what the dashboard reads; nothing in them changes the stack.
func (l *Live) Sources() tui.Sources {
	return tui.Sources{
		Project: l.Project,
		Watch: func(ctx context.Context, sink watch.Sink) error {
			return watch.Run(ctx, l.watched, watch.Options{Project: l.Project, StatsEvery: statsEvery}, sink)
		},
		Logs: func(ctx context.Context, emit func(logs.Line) error) error {
			eng, err := l.engine(ctx)
			if err != nil {
				return err
			}
			follower := eng.Follow()
			defer follower.Close()
			return logs.Stream(ctx, follower, logs.Options{Project: l.Project, Follow: true, Tail: logTail, Window: logWindow, Newest: logNewest}, emit)
		},
		Redis: l.dialRedis,
		Details: func(ctx context.Context, id string) (watch.Details, error) {
			eng, err := l.engine(ctx)
			if err != nil {
				return watch.Details{}, err
			}
			return watch.Inspect(ctx, eng, id)
		},
		Past:     l.past,
		Standing: l.standing(),
		History:  l.History,
		Open:     OpenURL,
	}
}

// past reads the history of visits. Each reading has a connection of its own: there is one in a while.
func (l *Live) past(ctx context.Context, since time.Time, by string) (*history.Visits, error) {
	eng, err := l.engine(ctx)
	if err != nil {
		return nil, err
	}
	if exists, _, err := eng.ServiceState(ctx, l.Project, history.Service); err != nil || !exists {
		return nil, cmp.Or(err, errors.New("the stack keeps no history of visits: `stackctl up --with database`"))
	}
	client := history.NewClient(func(ctx context.Context) (net.Conn, error) { return eng.DialService(ctx, l.Project, history.Address) })
	defer client.Close()
	return client.Visits(ctx, since, by)
}

// certificateEvery is how often the certificate is looked at: that costs the engine 50 ms.
const certificateEvery = time.Minute

// standing returns a function that reads what the header says; it is for one caller.
func (l *Live) standing() func(context.Context) (tui.Standing, error) {
	var last tui.Standing
	var looked time.Time
	var client *prometheus.Client
	var of *engine.Engine
	return func(ctx context.Context) (tui.Standing, error) {
		eng, err := l.engine(ctx)
		if err != nil {
			return last, err
		}
		chosen, err := kept.LoadSettings(ctx, eng, l.Project)
		if err != nil {
			return last, err
		}
		_, last.Maintenance = chosen.Maintenance()
		last.Alert, last.Critical, last.Further = "", false, 0
		if slices.Contains(chosen.With, prometheus.Feature) {
			if client == nil || of != eng {
				client, of = prometheus.Reach(eng, l.Project), eng
			}
			alerts, err := client.Worst(ctx)
			client.Close() // an idle tunnel is a process in a container
			if err != nil {
				last.Alert = "no answer from Prometheus"
			}
			for _, alert := range alerts {
				switch {
				case !alert.Firing():
				case last.Alert == "":
					last.Alert, last.Critical = alert.Name, alert.Critical()
				default:
					last.Further++
				}
			}
		}
		if time.Since(looked) < certificateEvery {
			return last, nil
		}
		observed, err := observe.Labelled(ctx, eng, l.Project, label.Project)
		if err != nil {
			return last, err
		}
		status, ok, err := observed.Certificate(ctx, eng)
		if err != nil {
			return last, err
		}
		if last.Certificate = nil; ok {
			last.Certificate, looked = &status, time.Now() // without one, it is looked for each time: that costs a list
		}
		return last, nil
	}
}

// watched connects for the watcher, which asks again after each loss: the engine may be another version then.
func (l *Live) watched(ctx context.Context) (watch.Source, watch.Engine, error) {
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

func (l *Live) dialRedis(ctx context.Context) (net.Conn, error) {
	eng, err := l.engine(ctx)
	if err != nil {
		return nil, err
	}
	return store.Reach(eng, l.Project)(ctx)
}

// openLimit bounds the program that opens a browser; it ends at once, the browser goes on.
const openLimit = 5 * time.Second

// OpenURL shows a URL in the browser.
func OpenURL(ctx context.Context, url string) error {
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
