package watch

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"

	"stackctl.dev/stackctl/internal/orchestrate"
)

func (s *session) event(m events.Message) {
	if strings.EqualFold(m.Actor.Attributes[orchestrate.LabelOneOff], "true") {
		return
	}
	action, _, _ := strings.Cut(string(m.Action), ":")
	switch events.Action(action) {
	case events.ActionKill: // changes nothing by itself
	case events.ActionHealthStatus: // the list has it
		s.soon()
	default:
		s.stale[m.Actor.ID] = true
		s.soon()
	}
	if e, ok := translate(m); ok {
		s.tell(m.Actor.ID, e, time.Now())
	}
}

// translate says an engine's event in words; some are of no interest.
func translate(m events.Message) (Event, bool) {
	at := m.Actor.Attributes
	name := at["name"]
	short := name
	if service := at[orchestrate.LabelService]; service != "" {
		short = service + "-" + cmp.Or(at[orchestrate.LabelContainerNumber], "1")
	}
	e := Event{At: time.Unix(0, m.TimeNano), Service: at[orchestrate.LabelService], Container: name}
	action, data, _ := strings.Cut(string(m.Action), ": ") // "health_status: healthy" has its data in the name
	words := ""
	switch events.Action(action) {
	case events.ActionCreate:
		e.Kind, words = EventDeploy, "created"
	case events.ActionStart:
		e.Kind, words = EventStart, "started"
	case events.ActionStop:
		e.Kind, words = EventStop, "stopped"
	case events.ActionRestart:
		e.Kind, words = EventRestart, "restarted"
	case events.ActionDie:
		e.Kind, words = EventDie, "died with exit code "+cmp.Or(at["exitCode"], "unknown")
		if at["exitCode"] == "0" {
			words = "exited"
		}
	case events.ActionOOM:
		e.Kind, words = EventOOM, "ran out of memory"
	case events.ActionHealthStatus:
		e.Kind, words = EventHealth, "is "+data
	case events.ActionKill:
		if signal := at["signal"]; signal != "1" && signal != "HUP" && signal != "SIGHUP" {
			return Event{}, false // what dies of it says so itself
		}
		e.Kind, words = EventReload, "reloaded"
	case events.ActionDestroy:
		e.Kind, words = EventRemove, "removed"
	default:
		return Event{}, false
	}
	e.Text = fmt.Sprintf("%s %s", short, words)
	return e, true
}

// The engine tells one thing in several events: a stop is die and stop, a restart ends with start and restart, a forced
// removal is die and destroy. So the first is held for as long as the second may take.
const (
	holdDie   = 250 * time.Millisecond
	holdStart = 50 * time.Millisecond
)

// teller tells events, and of those that mean the same only the last.
type teller struct {
	sink func(Event)
	held map[string]heldEvent // by container ID
	hold *time.Timer
}

type heldEvent struct {
	Event
	until time.Time
}

func newTeller(sink func(Event)) teller {
	return teller{sink: sink, held: map[string]heldEvent{}, hold: time.NewTimer(time.Hour)}
}

func (t *teller) tell(id string, e Event, now time.Time) {
	if earlier, ok := t.held[id]; ok {
		delete(t.held, id)
		if !saysMore(e.Kind, earlier.Kind) {
			t.sink(earlier.Event)
		}
	}
	switch e.Kind {
	case EventDie:
		t.held[id] = heldEvent{e, now.Add(holdDie)}
	case EventStart:
		t.held[id] = heldEvent{e, now.Add(holdStart)}
	default:
		t.sink(e)
	}
	t.arm(now)
}

func saysMore(later, earlier EventKind) bool {
	switch earlier {
	case EventDie:
		return later == EventStop || later == EventRemove
	case EventStart:
		return later == EventRestart
	}
	return false
}

// tellDue tells what was held long enough.
func (t *teller) tellDue(now time.Time) {
	for id, h := range t.held {
		if !h.until.After(now) {
			delete(t.held, id)
			t.sink(h.Event)
		}
	}
	t.arm(now)
}

func (t *teller) tellAll() { t.tellDue(time.Now().Add(holdDie)) }

func (t *teller) arm(now time.Time) {
	next := time.Hour
	for _, h := range t.held {
		next = min(next, h.until.Sub(now))
	}
	t.hold.Reset(max(0, next))
}
