package orchestrate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// A snapshot does not tell a container that goes on from one that has been told to stop and takes its time: of the latter
// there is only an event.

// endSignals are those that programs take as an order to end: SIGINT, SIGQUIT, SIGKILL and SIGTERM.
var endSignals = []string{"2", "3", "9", "15"}

// eventsLimit bounds the look at past events; an engine keeps the last 256.
const eventsLimit = time.Second

// findStopping notes which of the project's containers were told to stop and have not ended, and until when they may take.
// An engine that does not tell leaves it open.
func (o *Observed) findStopping(ctx context.Context, r Reader) {
	limited, cancel := context.WithTimeout(ctx, eventsLimit)
	defer cancel()
	o.stopping = map[string]time.Time{}
	for id, told := range toldToStop(limited, r, o.Project) {
		info, err := inspect(limited, r, id)
		if err != nil || info.State.Status != container.StateRunning {
			continue
		}
		end := told.Add(graceOf(info) + time.Second) // for the engine to kill it
		if time.Now().Before(end) {
			o.stopping[id] = end
		} // or it was only sent a signal, of which it takes no notice
	}
}

// toldToStop tells when containers were told to stop that have neither ended nor started since, by ID.
func toldToStop(ctx context.Context, r Reader, project string) map[string]time.Time {
	now := time.Now()
	messages, errs := r.Events(ctx, events.ListOptions{
		Since: strconv.FormatInt(now.Add(-longestGrace).Unix(), 10), Until: fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()),
		Filters: filters.NewArgs(
			filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", LabelProject+"="+project),
			filters.Arg("event", string(events.ActionKill)), filters.Arg("event", string(events.ActionDie)), filters.Arg("event", string(events.ActionStart))),
	})
	told := map[string]time.Time{}
	for {
		select {
		case m := <-messages:
			if m.Action != events.ActionKill {
				delete(told, m.Actor.ID)
			} else if slices.Contains(endSignals, m.Actor.Attributes["signal"]) {
				told[m.Actor.ID] = time.Unix(0, m.TimeNano)
			}
		case <-errs: // io.EOF at their end
			return told
		}
	}
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
