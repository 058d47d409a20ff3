package observe

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/events"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// longestGrace bounds the wait for a container whose own grace period is not known here.
const longestGrace = 10 * time.Minute

// ownGrace is how long a container of which nothing is said has to stop.
const ownGrace = 10 * time.Second

// GraceOf is how long a container has to stop.
func GraceOf(info container.InspectResponse) time.Duration {
	if info.Config.StopTimeout == nil {
		return ownGrace
	}
	return min(time.Duration(*info.Config.StopTimeout)*time.Second, longestGrace)
}

// A snapshot does not tell a container that goes on from one that has been told to stop and takes its time, nor one that has
// done its work from one that was stopped: of that there are only events.

// order is the last signal that was sent to a container since it started.
type order struct {
	signal string // its number
	at     time.Time
	ended  bool // the container has ended since
}

// eventsLimit bounds the look at past events; an engine keeps the last 256.
const eventsLimit = time.Second

// orders asks for the signals that the project's containers were sent, by ID. An engine that does not tell leaves it open.
func orders(ctx context.Context, r Reader, project string) map[string]order {
	limited, cancel := context.WithTimeout(ctx, eventsLimit)
	defer cancel()
	now := time.Now()
	past := events.Subscribe(limited, r, events.Query{
		Project: project, Actions: []events.Action{events.Kill, events.Die, events.Start},
		Since: strconv.FormatInt(now.Add(-longestGrace).Unix(), 10), Until: fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()),
	})
	sent := map[string]order{}
	err := past.Each(func(e events.Event) {
		given, ok := sent[e.ID]
		switch {
		case e.Action == events.Kill:
			sent[e.ID] = order{signal: e.Attributes["signal"], at: e.Time}
		case e.Action == events.Start:
			delete(sent, e.ID)
		case ok:
			given.ended = true
			sent[e.ID] = given
		}
	})
	if err != nil && limited.Err() == nil { // else an engine whose clock is behind waits for that time
		return nil // a part of them says nothing
	}
	return sent
}

// Stopping reports whether the signal is an order to end: SIGKILL, SIGTERM, or the container's own.
func (o order) Stopping(info container.InspectResponse) bool {
	own := strings.TrimPrefix(strings.ToUpper(info.Config.StopSignal), "SIG")
	return o.signal == "9" || o.signal == "15" || own != "" && (o.signal == own || o.signal == stopSignals[own])
}

// stopSignals are the numbers of those that images stop with, beside SIGTERM.
var stopSignals = map[string]string{"INT": "2", "QUIT": "3", "USR1": "10", "USR2": "12", "WINCH": "28", "RTMIN+3": "37"}

// Stopping are the containers of a project that were told to stop, by ID.
type Stopping struct {
	Until map[string]time.Time // of those that still run: how long they may
	Ended map[string]bool
}

func findStops(ctx context.Context, r Reader, project string) Stopping {
	found := Stopping{Until: map[string]time.Time{}, Ended: map[string]bool{}}
	for id, order := range orders(ctx, r, project) {
		info, err := r.ContainerInspect(ctx, id)
		if err != nil || !order.Stopping(info) {
			continue
		}
		until := order.at.Add(GraceOf(info) + time.Second) // for the engine to kill it
		switch {
		case info.State.Status != container.StateRunning:
			found.Ended[id] = order.ended
		case time.Now().Before(until): // else it was only sent a signal, of which it takes no notice
			found.Until[id] = until
		}
	}
	return found
}

// StoppedOnRequest reports whether a container that has ended was told to, or has been started again since it was looked at.
func StoppedOnRequest(ctx context.Context, r Reader, info container.InspectResponse) bool {
	order, known := orders(ctx, r, info.Config.Labels[label.Project])[info.ID]
	if !known {
		now, err := r.ContainerInspect(ctx, info.ID)
		return err == nil && now.State.Running
	}
	return order.ended && order.Stopping(info)
}

// WithStops is Project, beside which the engine is asked which containers are being stopped: for whoever starts some.
func WithStops(ctx context.Context, r Reader, project string) (*Observed, error) {
	answer := make(chan Stopping, 1)
	go func() { answer <- findStops(ctx, r, project) }() // ends within its limits
	observed, err := Project(ctx, r, project)
	found := <-answer
	if err == nil {
		observed.Stops = found
	}
	return observed, err
}
