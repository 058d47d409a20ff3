package modal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

type yesMsg struct{}

func yes() tea.Msg { return yesMsg{} }

func press(m Modal, name string) (tea.Cmd, bool) { return m.Update(tuitest.Press(name)) }

func TestOnlyYesIsYes(t *testing.T) {
	for name, want := range map[string]bool{"y": true, "n": false, "esc": false, "enter": false, "q": false} {
		cmd, done := press(Ask(keys.Default(), "remove?", nil, yes), name)
		if !done || (cmd != nil) != want {
			t.Errorf("%s: done %v, carried out %v", name, done, cmd != nil)
		}
	}
	if cmd, done := press(Ask(keys.Default(), "remove?", nil, yes), "x"); done || cmd != nil {
		t.Error("a key that means nothing answers")
	}
}

func TestPalette(t *testing.T) {
	commands := []Command{
		{Name: "down", Description: "remove the stack", Run: func() tea.Msg { return "down" }},
		{Name: "restart web-1", Description: "restart of this container", Run: func() tea.Msg { return "restart web-1" }},
		{Name: "restart web-2", Description: "restart of this container", Run: func() tea.Msg { return "restart web-2" }},
	}
	for _, c := range []struct{ keys, text, run string }{
		{"enter", "", "down"},
		{"r e s enter", "res", "restart web-1"},
		{"r e s down enter", "res", "restart web-2"},
		{"2 enter", "2", "restart web-2"},
		{"r tab enter", "restart web-1", "restart web-1"},
		{"d o w n esc", "down", ""},
		{"z z enter", "zz", ""},
	} {
		p := NewPalette(keys.Default(), commands)
		var cmd tea.Cmd
		for _, k := range strings.Fields(c.keys) {
			cmd, _ = press(p, k)
		}
		got := ""
		if cmd != nil {
			got = cmd().(string)
		}
		if p.input.Value() != c.text || got != c.run {
			t.Errorf("%s: text %q, ran %q; want %q, %q", c.keys, p.input.Value(), got, c.text, c.run)
		}
	}
}

func TestJob(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	interrupted := false
	j := NewJob(keys.Default(), "up", func() time.Time { return now }, func() { interrupted = true })
	j.Update(Progress{report.Event{Kind: report.Started, Verb: "start container", Object: "web"}})
	j.Update(Progress{report.Event{Kind: report.Done, Verb: "start container", Object: "web", Cause: "it does not exist", Elapsed: time.Second}})
	j.Update(Progress{report.Event{Kind: report.Started, Verb: "start container", Object: "nginx\x1b[2J"}})
	if view := ansi.Strip(j.View(tuitest.Themes().Dark, 100, 20)); !strings.Contains(view, "✔ start container web") || !strings.Contains(view, "… start container nginx") || strings.Contains(view, "\x1b") {
		t.Error(view)
	}
	if _, done := press(j, "ctrl+c"); done || !interrupted {
		t.Error("ctrl+c does not interrupt the work")
	}
	if _, done := press(j, "esc"); !done {
		t.Error("esc does not hide it")
	}
	j.Update(Done{Err: errors.New("starting container \"nginx\": no such image")})
	if view := ansi.Strip(j.View(tuitest.Themes().Dark, 100, 20)); j.Running() || !strings.Contains(view, "✖ starting container") {
		t.Error(view)
	}
	for i, kind := range []report.Kind{report.Warning, "message", "message", "a kind of the future"} {
		j.Update(Progress{report.Event{Kind: kind, Detail: fmt.Sprintf("told %d\x1b[2J %s%d", i, strings.Repeat("x", 150), i)}})
	}
	view := ansi.Strip(j.View(tuitest.Themes().Dark, 100, 20))
	for _, want := range []string{"! told 0\\x1b[2J x", "  told 1", "  told 2", "  told 3", "x0", "x1", "x2", "x3"} {
		if !strings.Contains(view, want) {
			t.Errorf("no %q in\n%s", want, view)
		}
	}
	for range 2 * maxSteps {
		j.Update(Progress{report.Event{Kind: report.Warning, Object: "x"}})
	}
	if len(j.steps) > maxSteps {
		t.Errorf("a job grew to %d steps", len(j.steps))
	}
}

func TestModalsFitIntoEverySize(t *testing.T) {
	k := keys.Default()
	details := watch.Details{Name: "web-1\x1b]0;x\x07", Sections: []watch.Section{{Title: "environment", Rows: []watch.Row{{Name: "A\x1b[2J", Value: strings.Repeat("世界", 90)}}}}}
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(10, 200).Draw(t, "width"), rapid.IntRange(4, 60).Draw(t, "height")
		job := NewJob(k, "up", time.Now, func() {})
		job.Update(Done{Err: errors.New(strings.Repeat("word 世界 ", rapid.IntRange(0, 60).Draw(t, "words")))})
		for _, m := range []Modal{
			Ask(k, "remove the stack?", []string{strings.Repeat("long ", 60)}, yes), job, Details(k, details),
			Help(k, []Group{{"everywhere", []key.Binding{k.Global.Quit, k.Global.Help}}}), NewPalette(k, []Command{{Name: "down"}}),
		} {
			base := draw.Rows(draw.Fit(nil, width, height))
			over := strings.Split(Over(base, m.View(tuitest.Themes().Dark, width, height), width, height), "\n")
			if len(over) != height {
				t.Fatalf("%T at %dx%d has %d rows", m, width, height, len(over))
			}
			for _, row := range over {
				if draw.Width(row) != width || strings.ContainsAny(ansi.Strip(row), "\x1b\x07") {
					t.Fatalf("%T at %dx%d: %d wide: %q", m, width, height, draw.Width(row), row)
				}
			}
		}
	})
}
