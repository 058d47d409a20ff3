package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

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
	messages, errs := r.Events(limited, events.ListOptions{
		Since: strconv.FormatInt(now.Add(-longestGrace).Unix(), 10), Until: fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()),
		Filters: filters.NewArgs(
			filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", LabelProject+"="+project),
			filters.Arg("event", string(events.ActionKill)), filters.Arg("event", string(events.ActionDie)), filters.Arg("event", string(events.ActionStart))),
	})
	sent := map[string]order{}
	for {
		select {
		case m := <-messages:
			given, ok := sent[m.Actor.ID]
			switch {
			case m.Action == events.ActionKill:
				sent[m.Actor.ID] = order{signal: m.Actor.Attributes["signal"], at: time.Unix(0, m.TimeNano)}
			case m.Action == events.ActionStart:
				delete(sent, m.Actor.ID)
			case ok:
				given.ended = true
				sent[m.Actor.ID] = given
			}
		case err := <-errs:
			if errors.Is(err, io.EOF) || limited.Err() != nil { // an engine whose clock is behind waits for that time
				return sent
			}
			return nil // a part of them says nothing
		}
	}
}

// stops reports whether the signal is an order to end: SIGKILL, SIGTERM, or the container's own.
func (o order) stops(info container.InspectResponse) bool {
	own := strings.TrimPrefix(strings.ToUpper(info.Config.StopSignal), "SIG")
	return o.signal == "9" || o.signal == "15" || own != "" && (o.signal == own || o.signal == stopSignals[own])
}

// stopSignals are the numbers of those that images stop with, beside SIGTERM.
var stopSignals = map[string]string{"INT": "2", "QUIT": "3", "USR1": "10", "USR2": "12", "WINCH": "28", "RTMIN+3": "37"}

// stops are the containers of a project that were told to stop, by ID.
type stops struct {
	until map[string]time.Time // of those that still run: how long they may
	ended map[string]bool
}

func findStops(ctx context.Context, r Reader, project string) stops {
	found := stops{until: map[string]time.Time{}, ended: map[string]bool{}}
	for id, order := range orders(ctx, r, project) {
		info, err := inspect(ctx, r, id)
		if err != nil || !order.stops(info) {
			continue
		}
		until := order.at.Add(graceOf(info) + time.Second) // for the engine to kill it
		switch {
		case info.State.Status != container.StateRunning:
			found.ended[id] = order.ended
		case time.Now().Before(until): // else it was only sent a signal, of which it takes no notice
			found.until[id] = until
		}
	}
	return found
}

// stoppedOnRequest reports whether a container that has ended was told to.
func stoppedOnRequest(ctx context.Context, r Reader, info container.InspectResponse) bool {
	order := orders(ctx, r, info.Config.Labels[LabelProject])[info.ID]
	return order.ended && order.stops(info)
}

// ObserveStops is Observe, beside which the engine is asked which containers are being stopped: for whoever starts some.
func ObserveStops(ctx context.Context, r Reader, project string) (*Observed, error) {
	answer := make(chan stops, 1)
	go func() { answer <- findStops(ctx, r, project) }() // ends within its limits
	observed, err := Observe(ctx, r, project)
	found := <-answer
	if err == nil {
		observed.stops = found
	}
	return observed, err
}

// awaitStopped waits until a container has ended that somebody has told to stop, as long as it may take.
type awaitStopped struct {
	Name, ID string
	Until    time.Time
}

func (a awaitStopped) Verb() string         { return "await container" }
func (a awaitStopped) Object() string       { return a.Name }
func (a awaitStopped) limit() time.Duration { return longestGrace + CallLimit }

func (a awaitStopped) apply(ctx context.Context, w Writer) error {
	return a.applyTelling(ctx, w, func(string) {})
}

func (a awaitStopped) applyTelling(ctx context.Context, w Writer, tell func(string)) error {
	wait := newWaited(tell)
	return poll(ctx, pollInterval, func(ctx context.Context) (bool, error) {
		info, err := inspect(ctx, w, a.ID)
		if err != nil || info.State.Status != container.StateRunning {
			return true, err
		}
		return !time.Now().Before(a.Until), wait.goOn("has stopped", 0)
	})
}

// awaitStop adds the wait for a container that is being stopped, if it is.
func (p *Plan) awaitStop(c Container, being stops, cause string) (after []int) {
	until, ok := being.until[c.ID]
	if !ok {
		return nil
	}
	return []int{p.add(c.Service, awaitStopped{Name: c.Name, ID: c.ID, Until: until}, cause)}
}
