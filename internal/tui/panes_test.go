package tui

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/theme"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

// notePane is a fifth pane: all that it takes is here, and its registration.
type notePane struct {
	title      string
	containers int
	typed      string
	clicked    tea.Mouse
	capturing  bool
}

var noteKey = key.NewBinding(key.WithKeys("i"), key.WithHelp("i", "write a note"))

func (p *notePane) Update(msg tea.Msg) (tea.Cmd, bool) {
	switch msg := msg.(type) {
	case watch.State:
		p.containers = len(msg.Containers)
	case tea.MouseClickMsg:
		p.clicked = tea.Mouse(msg)
	case tea.KeyPressMsg:
		if p.capturing = p.capturing || key.Matches(msg, noteKey); p.capturing {
			p.typed += msg.Text
		}
	default:
		return nil, false
	}
	return nil, true
}

func (p *notePane) View(t *theme.Theme, width, height int, focused bool) string {
	return draw.Box(t, draw.Frame{Title: p.title, Focused: focused}, []string{fmt.Sprintf("%d containers, %q", p.containers, p.typed)}, width, height)
}
func (p *notePane) Cursor() *tea.Cursor        { return tea.NewCursor(1, 1) }
func (p *notePane) Keys() []key.Binding        { return []key.Binding{noteKey} }
func (p *notePane) Hints() []key.Binding       { return []key.Binding{noteKey} }
func (p *notePane) Capturing() bool            { return p.capturing }
func (p *notePane) Takes(tea.KeyPressMsg) bool { return false }
func (p *notePane) Selection() string          { return "a note" }
func (p *notePane) register(t *testing.T) *notePane {
	before := registered
	registered = append(registered[:len(registered):len(registered)], registration{"notes", layout.Bottom, func(_ *Model, title string) pane { p.title = title; return p }})
	t.Cleanup(func() { registered = before })
	return p
}

func TestAFifthPaneIsRegisteredAndNothingElse(t *testing.T) {
	p := new(notePane).register(t)
	for _, size := range goldenSizes {
		m := sampleModel(t, Options{Focus: "logs"})
		m.send(tea.WindowSizeMsg{Width: size.width, Height: size.height})
		m.hit(t, "5")
		checkFrame(t, m.View().Content, size.width, size.height)
		if m.tooSmall() {
			continue
		}
		for _, want := range []string{"5 notes", `4 containers, ""`, "i write a note"} {
			if !strings.Contains(m.text(), want) {
				t.Errorf("%dx%d: no %q in\n%s", size.width, size.height, want, m.text())
			}
		}
		if c, r := m.View().Cursor, m.screen().Panes[named("notes")]; c == nil || c.X != r.X+1 || c.Y != r.Y+1 {
			t.Errorf("%dx%d: the cursor is at %v", size.width, size.height, c)
		}
	}
	for presses, want := range map[string]string{"shift+tab": "notes", "5 tab": "visits", "4 esc tab": "notes", ": n o t e s enter": "notes"} {
		m, _ := sized(t, Options{})
		if m.hit(t, strings.Fields(presses)...); m.panes[m.focus].name != want {
			t.Errorf("%s: focus on %s, want %s", presses, m.panes[m.focus].name, want)
		}
	}
	m, _ := sized(t, Options{Focus: "notes"})
	at := m.screen().Panes[named("notes")]
	m.hit(t, "?")
	if help := strings.Join(strings.Fields(m.text()), " "); !strings.Contains(help, "5 notes") {
		t.Errorf("no key of its own in the help:\n%s", m.text())
	}
	for range 60 { // the help is longer than the screen
		m.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	}
	if !strings.Contains(m.text(), "5 notes") || !strings.Contains(m.text(), "write a note") {
		t.Errorf("no keys of the pane in the help:\n%s", m.text())
	}
	m.hit(t, "esc", "3") // it stays in front at the place that it shares
	m.send(tea.MouseClickMsg{X: at.X + 3, Y: at.Y + 2, Button: tea.MouseLeft})
	if m.focus != named("notes") || p.clicked.X != 2 || p.clicked.Y != 1 {
		t.Errorf("a click goes to %s at %d,%d", m.panes[m.focus].name, p.clicked.X, p.clicked.Y)
	}
	m.hit(t, "y")
	if !strings.Contains(m.text(), "copied: a note") {
		t.Errorf("its selection is not copied:\n%s", m.text())
	}
	m.hit(t, "i", "q", "5")
	if p.typed != "iq5" || !strings.Contains(m.text(), `"iq5"`) {
		t.Errorf("typed %q", p.typed)
	}
}

func TestOnceShowsAFifthPane(t *testing.T) {
	new(notePane).register(t)
	src := Sources{
		Project: "demo", Redis: noRedis,
		Watch: func(ctx context.Context, sink watch.Sink) error {
			sink.State(sampleState())
			<-ctx.Done()
			return ctx.Err()
		},
		Logs: func(ctx context.Context, _ func(logs.Line) error) error { <-ctx.Done(); return ctx.Err() },
	}
	frame, data, err := Once(t.Context(), src, Options{Focus: "notes", Themes: tuitest.Themes()}, 120, 40)
	if err != nil || len(data.Services) != 4 {
		t.Errorf("%+v: %v", data, err)
	}
	if text := ansi.Strip(frame); !strings.Contains(text, "5 notes") || !strings.Contains(text, "4 containers") {
		t.Errorf("it is not in\n%s", text)
	}
}
