package redispane

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

// TestGoldenViews holds the pane's states against views that were looked at.
func TestGoldenViews(t *testing.T) {
	states := map[string]func(l *lab){
		"replies": func(l *lab) {
			l.f.reply = store.Reply{Kind: store.Array, Elems: []store.Reply{{Kind: store.String, Text: "世界\x1b[2J"}, {Kind: store.Integer, Int: 5}, {Kind: store.Nil}}}
			l.types("LRANGE a 0 -1")
			l.keys("enter")
			l.types("GET ")
		},
		"menu": func(l *lab) {
			l.f.keys = []store.KeyInfo{{Key: "visits", Type: "string", TTL: -1, Size: 56}, {Key: "vi sits", Type: "hash", TTL: time.Minute, Size: 1 << 20}}
			l.types("GET v")
			l.keys("tab", "down")
		},
		"question": func(l *lab) {
			l.types("DEL visits")
			l.keys("enter")
		},
		"browser": func(l *lab) {
			l.f.keys = []store.KeyInfo{{Key: "a", Type: "string", TTL: -1, Size: 50}, {Key: "session:世界", Type: "hash", TTL: time.Minute, Size: 5000}}
			l.keys("esc", "b", "down")
		},
	}
	for state, prepare := range states {
		for _, size := range []struct{ width, height int }{{120, 20}, {60, 8}} {
			name := fmt.Sprintf("%s-%dx%d", state, size.width, size.height)
			t.Run(name, func(t *testing.T) {
				l := newLab(t, false)
				l.keys("i")
				prepare(l)
				tuitest.Golden(t, name, ansi.Strip(l.View(tuitest.Themes().Dark, size.width, size.height, true)))
			})
		}
	}
}

// TestKeysThatComeTooLateAreNotOffered types on while the keys are looked for.
func TestKeysThatComeTooLateAreNotOffered(t *testing.T) {
	for _, then := range []tea.Msg{tea.KeyPressMsg{Code: 'x', Text: "x"}, tea.KeyPressMsg{Code: tea.KeyBackspace}, tea.KeyPressMsg{Code: tea.KeyEnter}, tea.PasteMsg{Content: "x"}} {
		l := newLab(t, false)
		l.f.keys = []store.KeyInfo{{Key: "visits"}}
		l.keys("i")
		l.types("GET v")
		looking, _ := l.Update(tea.KeyPressMsg{Code: tea.KeyTab})
		l.do(then)
		before := l.line.input.Value()
		l.settle(looking)
		if got := l.line.input.Value(); got != before || l.line.menu.open() {
			t.Errorf("after %v the line became %q", then, got)
		}
	}
}

// TestANumberRepeats is redis-cli's `3 GET a`.
func TestANumberRepeats(t *testing.T) {
	for text, sent := range map[string]int{"3 GET a": 3, "0 GET a": 0, "-1 GET a": 0, "7": 1} {
		l := newLab(t, false)
		l.keys("i")
		l.types(text)
		l.keys("enter")
		if len(l.f.sent) != sent {
			t.Errorf("%q: sent %q", text, l.f.sent)
		}
	}
	l := newLab(t, false)
	l.keys("i")
	l.types("3 GET a")
	first, _ := l.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	l.keys("esc") // the reply is on its way
	l.settle(first)
	if len(l.f.sent) != 1 || l.busy() {
		t.Errorf("after esc: sent %q", l.f.sent)
	}
}

// TestOwnWords are those that Redis does not know.
func TestOwnWords(t *testing.T) {
	l := newLab(t, false)
	l.keys("i")
	l.types("undo")
	l.keys("enter")
	l.shows("restored visits")
	l.types("CLEAR")
	l.keys("enter")
	if len(l.output) != 0 || len(l.f.sent) != 0 {
		t.Errorf("%d lines are left, sent %q", len(l.output), l.f.sent)
	}
	l = newLab(t, true)
	l.keys("i")
	l.types("undo")
	l.keys("enter")
	l.shows("nothing is undone: the console is read-only")
}

// TestAQuestionThatWasGivenUpIsNotAsked cancels while the console still finds out what would go.
func TestAQuestionThatWasGivenUpIsNotAsked(t *testing.T) {
	l := newLab(t, false)
	l.keys("i")
	l.types("DEL visits")
	describing, _ := l.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	l.keys("esc")
	l.settle(describing)
	l.shows("not sent")
	if l.line.question != nil || len(l.f.sent) != 0 {
		t.Errorf("asked %v, sent %q", l.line.question, l.f.sent)
	}
}

// TestTypingAhead types while a command is under way: nothing is lost, but a question takes no answer from before it was asked.
func TestTypingAhead(t *testing.T) {
	l := newLab(t, false)
	l.keys("i")
	l.types("GET a")
	first, _ := l.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	l.types("GET b")
	l.keys("enter")
	l.types("DEL visits")
	l.keys("enter", "y")
	if l.line.input.Value() != "" {
		t.Errorf("typed ahead: %q", l.line.input.Value())
	}
	l.settle(first)
	l.shows("! DEL visits ?")
	if got := strings.Join(l.f.sent, ","); got != "GET a,GET b" {
		t.Errorf("sent %q", got)
	}
}
