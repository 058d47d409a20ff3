package watch

import (
	"cmp"
	"fmt"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/events"
)

func (s *session) event(e events.Event) {
	if e.OneOff {
		return
	}
	switch e.Action {
	case events.Kill: // changes nothing by itself
	case events.HealthStatus: // the list has it
		s.soon()
	default:
		s.stale[e.ID] = true
		s.soon()
	}
	if told, ok := translate(e); ok {
		s.tell(e.ID, told, time.Now())
	}
}

// translate says an engine's event in words; some are of no interest.
func translate(from events.Event) (Event, bool) {
	short := from.Name
	if from.Service != "" {
		short = fmt.Sprintf("%s-%d", from.Service, from.Number)
	}
	e := Event{At: from.Time, Service: from.Service, Container: from.Name}
	words := ""
	switch from.Action {
	case events.Create:
		e.Kind, words = EventDeploy, "created"
	case events.Start:
		e.Kind, words = EventStart, "started"
	case events.Stop:
		e.Kind, words = EventStop, "stopped"
	case events.Restart:
		e.Kind, words = EventRestart, "restarted"
	case events.Die:
		e.Kind, words = EventDie, "died with exit code "+cmp.Or(from.Attributes["exitCode"], "unknown")
		if from.Attributes["exitCode"] == "0" {
			words = "exited"
		}
	case events.OOM:
		e.Kind, words = EventOOM, "ran out of memory"
	case events.HealthStatus:
		e.Kind, words = EventHealth, "is "+from.Detail
	case events.Kill:
		if signal := from.Attributes["signal"]; signal != "1" && signal != "HUP" && signal != "SIGHUP" {
			return Event{}, false // what dies of it says so itself
		}
		e.Kind, words = EventReload, "reloaded"
	case events.Destroy:
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
