package tui

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/tuitest"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// settle carries out a command and what follows from it, as the program would, and gives the messages to the model. Ticks are left out.
func (m *Model) settle(t *testing.T, cmd tea.Cmd) {
	t.Helper()
	queue := []tea.Cmd{cmd}
	for n := 0; len(queue) > 0; n++ {
		if n > 200 {
			t.Fatal("the commands never end")
		}
		next := queue[0]
		queue = queue[1:]
		if next == nil {
			continue
		}
		got := make(chan tea.Msg, 1)
		go func() { got <- next() }()
		var msg tea.Msg
		select {
		case msg = <-got:
		case <-time.After(300 * time.Millisecond): // a tick: it ends with the test
			continue
		}
		switch v := reflect.ValueOf(msg); {
		case msg == nil:
		case v.Kind() == reflect.Slice && v.Type().Elem() == reflect.TypeFor[tea.Cmd](): // a batch or a sequence
			for i := range v.Len() {
				queue = append(queue, v.Index(i).Interface().(tea.Cmd))
			}
		default:
			_, next := m.Update(msg)
			queue = append(queue, next)
		}
	}
}

func (m *Model) hit(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		_, cmd := m.Update(tuitest.Press(name))
		m.settle(t, cmd)
	}
}

func (m *Model) text() string { return ansi.Strip(m.View().Content) }

func sized(t *testing.T, o Options) (*Model, *operatorFake) {
	t.Helper()
	m := sampleModel(t, o)
	m.send(tea.WindowSizeMsg{Width: 160, Height: 45})
	return m, m.src.Operator.(*operatorFake)
}

func TestFocusKeys(t *testing.T) {
	for _, c := range []struct {
		keys string
		want layout.Pane
	}{
		{"tab", named("services")}, {"tab tab", named("logs")}, {"shift+tab", named("redis")}, {"3", named("logs")}, {"2 1", named("visits")}, {"4 esc 2", named("services")},
		{"2 / 3", named("services")}, // a digit of a filter
	} {
		m, _ := sized(t, Options{})
		m.hit(t, strings.Fields(c.keys)...)
		if m.focus != c.want {
			t.Errorf("%s: focus on %s, want %s", c.keys, registered[m.focus].name, registered[c.want].name)
		}
	}
}

func TestOperationsAskBeforeTheyStopAnything(t *testing.T) {
	for _, c := range []struct {
		keys string
		want string
	}{
		{"2 r", ""}, {"2 r n", ""}, {"2 r enter", ""}, {"2 r esc", ""},
		{"2 r y", "restart nginx-1"},
		{"2 x y", "stop nginx-1"},
		{"2 G a", "start web-2"},
		{"2 G + esc", "scale web=3"},
		{"2 G -", ""}, {"2 G - y", "scale web=1"},
		{"2 j + y", ""}, // redis holds the data
		{"2 + y", ""},   // nginx publishes a port
		{"D", ""}, {"D n", ""}, {"D y", "down"},
		{"u", "up"},
		{": d o w n enter y", "down"},
		{": s c a l e enter y", "scale web=0"},
		{": r e s t a r t tab enter y", "restart nginx-1"},
	} {
		m, o := sized(t, Options{})
		m.hit(t, strings.Fields(c.keys)...)
		if got := strings.Join(o.calls, ", "); got != c.want {
			t.Errorf("%s: did %q, want %q", c.keys, got, c.want)
		}
	}
}

func TestReadOnlyHasNoKeyThatChangesAnything(t *testing.T) {
	m := newTestModel(t, nil, Options{Focus: "services"})
	m.send(tea.WindowSizeMsg{Width: 160, Height: 60}, stateMsg(sampleState()), visitpane.Count{At: noon, Visits: 5})
	for _, name := range []string{"u", "D", "R", "U", "r", "x", "a", "+", "-", "e"} {
		m.hit(t, name)
		if m.modal != nil || m.job != nil {
			t.Fatalf("%s does something in a read-only dashboard", name)
		}
	}
	m.hit(t, "?")
	if help := m.text(); strings.Contains(help, "start the stack") || strings.Contains(help, "restart") || !strings.Contains(help, "read-only") {
		t.Errorf("the help of a read-only dashboard:\n%s", help)
	}
}

func TestOneJobAtATimeAndItsEndIsSaid(t *testing.T) {
	m, o := sized(t, Options{})
	o.hold = make(chan struct{})
	_, cmd := m.Update(tuitest.Press("u"))
	msg := cmd().(jobMsg)
	_, cmd = m.Update(msg)
	if !strings.Contains(m.text(), "start container demo-web-1") {
		t.Errorf("no progress in\n%s", m.text())
	}
	m.hit(t, "esc")
	if m.modal != nil || !m.job.Running() {
		t.Fatal("esc does not hide the job")
	}
	m.hit(t, "D", "y")
	if len(o.calls) != 0 || !strings.Contains(m.text(), "one change at a time") {
		t.Errorf("a second job: %v\n%s", o.calls, m.text())
	}
	m.hit(t, "esc")
	close(o.hold)
	m.settle(t, cmd)
	if m.job.Running() || !strings.Contains(m.text(), "✔ ready in 1s") {
		t.Errorf("the end is not said:\n%s", m.text())
	}
}

func TestAnErrorOfAnOperationIsSaid(t *testing.T) {
	m, o := sized(t, Options{Focus: "services"})
	o.err = errors.New("stopping container \"demo-nginx-1\": no\x1b[2Jspace")
	m.hit(t, "x", "y")
	if text := m.text(); !strings.Contains(text, `✖ stopping container "demo-nginx-1": no\x1b[2Jspace`) {
		t.Errorf("the error is not there:\n%s", text)
	}
}

func TestWhatAnOperationSaysStaysAmongTheEvents(t *testing.T) {
	m, _ := sized(t, Options{Focus: "services"})
	m.hit(t, "G", "a")
	if text := m.text(); !strings.Contains(text, "last event ! another stackctl was waited for") || !strings.Contains(text, "✔ web-2 started") || strings.Contains(text, "a step") {
		t.Errorf("what it said is not there:\n%s", text)
	}
}

func TestALostEngineIsABannerAndNothingStaysLive(t *testing.T) {
	m, _ := sized(t, Options{})
	s := sampleState()
	s.Err, s.RetryAt = errors.New("no engine answers there"), noon.Add(time.Second)
	for i := range s.Containers {
		s.Containers[i].Usage = nil
	}
	m.send(stateMsg(s))
	text := m.text()
	for _, want := range []string{"✖ unreachable", "engine lost, reconnecting: no engine answers there", "last seen", "✖ unknown", "last read: 15,161"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, stale := range []string{"12.3%", "/s now", "http://"} {
		if strings.Contains(text, stale) {
			t.Errorf("%q is shown as live in\n%s", stale, text)
		}
	}
	m.send(stateMsg(sampleState()), visitpane.Count{At: noon, Visits: 7})
	if text := m.text(); strings.Contains(text, "unreachable") || !strings.Contains(text, "12.3%") {
		t.Errorf("it does not come back:\n%s", text)
	}
}

func TestAnEmptyProjectOffersToStart(t *testing.T) {
	m, o := sized(t, Options{})
	m.send(stateMsg(watch.State{At: noon, Project: "demo"}))
	if text := m.text(); !strings.Contains(text, "○ down") || !strings.Contains(text, "u starts the stack") || !strings.Contains(text, "u start the stack") {
		t.Errorf("no offer in\n%s", text)
	}
	m.hit(t, "u")
	if len(o.calls) != 1 || o.calls[0] != "up" {
		t.Errorf("did %v", o.calls)
	}
}

func TestDetails(t *testing.T) {
	m, _ := sized(t, Options{Focus: "services"})
	m.hit(t, "G", "enter")
	if text := m.text(); !strings.Contains(text, "REDIS_HOST") {
		t.Errorf("no details in\n%s", text)
	}
	m.hit(t, "esc")
	if m.modal != nil {
		t.Error("esc does not close them")
	}
}

func TestAMouseClickFocusesAndADragMovesTheBorder(t *testing.T) {
	m, _ := sized(t, Options{})
	s := m.screen()
	logs := s.Panes[named("logs")]
	m.send(tea.MouseClickMsg{X: logs.X + 5, Y: logs.Y + 3, Button: tea.MouseLeft})
	if m.focus != named("logs") {
		t.Errorf("focus on %s", registered[m.focus].name)
	}
	m.send(tea.MouseClickMsg{X: s.DividerX, Y: 20, Button: tea.MouseLeft}, tea.MouseMotionMsg{X: s.DividerX + 10, Y: 20, Button: tea.MouseLeft}, tea.MouseReleaseMsg{})
	if got := m.screen().DividerX; got != s.DividerX+10 {
		t.Errorf("the border is at %d, want %d", got, s.DividerX+10)
	}
	m.send(tea.MouseMotionMsg{X: 3, Y: 20})
	if got := m.screen().DividerX; got != s.DividerX+10 {
		t.Error("it moves without being held")
	}
}

func TestNoticesGoAndOnlyTheirOwnTimerTakesThemDown(t *testing.T) {
	m, _ := sized(t, Options{})
	m.hit(t, "m")
	if !strings.Contains(m.text(), "the terminal has the mouse") || m.View().MouseMode != tea.MouseModeNone {
		t.Error("the mouse is not released")
	}
	m.hit(t, "m")
	m.send(noticeOverMsg(1))
	if !strings.Contains(m.text(), "the dashboard has the mouse again") {
		t.Error("the timer of an older notice took it down")
	}
	m.send(noticeOverMsg(2))
	if strings.Contains(m.text(), "the dashboard has the mouse again") {
		t.Error("a notice stays")
	}
}

func TestNothingIsDrawnAnewWhileNothingChanges(t *testing.T) {
	m := newTestModel(t, &operatorFake{}, Options{})
	m.send(tea.WindowSizeMsg{Width: 160, Height: 45}, stateMsg(sampleState()))
	for i := range 10 {
		m.send(visitpane.Count{At: noon.Add(time.Duration(i) * time.Second), Visits: 0})
	}
	before := m.View().Content
	m.requests.Add(noon, "", []byte("no access line"))
	for i := range 600 {
		m.send(visitpane.Count{At: noon.Add(time.Duration(10+i) * time.Second), Visits: 0})
		if m.View().Content != before {
			t.Fatalf("after %d s another frame:\n%s", i, m.text())
		}
	}
}
