package redispane

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

// fake is a session that notes what is sent.
type fake struct {
	sent     []string
	reply    store.Reply
	err      error
	hold     bool // Run waits for its context
	keys     []store.KeyInfo
	messages int // of a stream
	multi    bool
}

func (f *fake) Prompt() string             { return "redis> " }
func (f *fake) InTransaction() bool        { return f.multi }
func (f *fake) Load(context.Context) error { return nil }
func (f *fake) Run(ctx context.Context, args []string) (store.Reply, error) {
	f.sent = append(f.sent, strings.Join(args, " "))
	if f.hold {
		<-ctx.Done()
		return store.Reply{}, ctx.Err()
	}
	return f.reply, f.err
}
func (f *fake) Stream(_ context.Context, _ []string, emit func(store.Reply) error) error {
	for i := range f.messages {
		_ = emit(store.Reply{Kind: store.String, Text: fmt.Sprint("message ", i)})
	}
	return context.Canceled
}
func (f *fake) Complete(line string) console.Completion {
	if strings.HasPrefix(line, "GET ") {
		return console.Completion{From: 4, WantKeys: true, Prefix: line[4:]}
	}
	return console.Completion{Candidates: []console.Candidate{{Text: "GET", Summary: "read"}, {Text: "GETDEL", Summary: "read, remove"}}}
}
func (f *fake) Hint(line string) string {
	if line == "GET " {
		return "key"
	}
	return ""
}
func (f *fake) Keys(context.Context, string, int) ([]store.KeyInfo, bool, error) {
	return f.keys, true, nil
}
func (f *fake) ReadsOnly(args []string) bool { return strings.EqualFold(args[0], "GET") }
func (f *fake) Danger(args []string) bool    { return strings.EqualFold(args[0], "DEL") }
func (f *fake) Describe(context.Context, []string) []string {
	return []string{"visits: string, value 128"}
}
func (f *fake) Undo(context.Context) (string, error) { return "restored visits", nil }

type lab struct {
	*Pane
	t *testing.T
	f *fake
}

func newLab(t *testing.T, readOnly bool) *lab {
	t.Helper()
	history, err := console.OpenHistory("")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{reply: store.Reply{Kind: store.String, Text: "5"}}
	p := New(t.Context(), "4 redis", keys.Default(), Options{Session: f, History: history, ReadOnly: readOnly, Clock: func() time.Time { return time.Unix(0, 0) }})
	return &lab{p, t, f}
}

// patience is how long a command may take; one that takes longer is a timer's.
const patience = 250 * time.Millisecond

// do gives a message to the pane, and what its commands answer; ticks are left out.
func (l *lab) do(msg tea.Msg) {
	l.t.Helper()
	cmd, _ := l.Update(msg)
	l.settle(cmd)
}

func (l *lab) settle(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	got := make(chan tea.Msg, 1)
	go func() { got <- cmd() }()
	select {
	case msg := <-got:
		if v := reflect.ValueOf(msg); v.IsValid() && v.Kind() == reflect.Slice && v.Type().Elem() == reflect.TypeFor[tea.Cmd]() {
			for i := range v.Len() {
				l.settle(v.Index(i).Interface().(tea.Cmd))
			}
			return
		}
		if msg != nil {
			l.do(msg)
		}
	case <-time.After(patience):
	}
}

func (l *lab) keys(names ...string) {
	l.t.Helper()
	for _, name := range names {
		l.do(tuitest.Press(name))
	}
}

func (l *lab) types(text string) {
	for _, r := range text {
		l.do(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

func (l *lab) text() string { return ansi.Strip(l.View(tuitest.Themes().Dark, 80, 20, true)) }

func (l *lab) shows(texts ...string) {
	l.t.Helper()
	for _, text := range texts {
		if !strings.Contains(l.text(), text) {
			l.t.Errorf("no %q in\n%s", text, l.text())
		}
	}
}

func TestALineIsSentAndItsReplyPrinted(t *testing.T) {
	l := newLab(t, false)
	l.keys("i")
	l.types(`GET "a b"`)
	l.keys("enter")
	l.shows(`redis> GET "a b"`, `"5"`)
	if len(l.f.sent) != 1 || l.f.sent[0] != "GET a b" {
		t.Errorf("sent %q", l.f.sent)
	}
	l.types(`GET "a`)
	l.keys("enter")
	l.shows("Invalid argument(s)")
	if len(l.f.sent) != 1 {
		t.Errorf("sent %q", l.f.sent)
	}
}

func TestWhatDestroysAsksAndNoIsTheDefault(t *testing.T) {
	for name, sent := range map[string]int{"y": 1, "n": 0, "enter": 0, "esc": 0, "ctrl+c": 0} {
		l := newLab(t, false)
		l.keys("i")
		l.types("DEL visits")
		l.keys("enter")
		l.shows("! DEL visits ?", "visits: string, value 128", "y send")
		l.keys(name)
		if len(l.f.sent) != sent {
			t.Errorf("%s: sent %q", name, l.f.sent)
		}
		if sent == 1 {
			l.keys("esc", "U")
			l.shows("undo restores it", "restored visits")
		}
	}
}

func TestReadOnlySaysWhyItDoesNotSend(t *testing.T) {
	l := newLab(t, true)
	l.keys("i")
	l.types("DEL visits")
	l.keys("enter")
	l.shows("DEL is not sent: the console is read-only")
	l.types("GET a")
	l.keys("enter", "esc", "U")
	if len(l.f.sent) != 1 {
		t.Errorf("sent %q", l.f.sent)
	}
}

func TestCompletion(t *testing.T) {
	l := newLab(t, false)
	l.f.keys = []store.KeyInfo{{Key: "visits", Type: "string", TTL: -1, Size: 56}, {Key: "vi sits", Type: "hash", TTL: time.Minute, Size: 1 << 20}}
	l.keys("i")
	l.types("ge")
	l.keys("tab")
	l.shows("› GET", "GETDEL", "read, remove")
	l.keys("tab", "tab", "enter") // round once
	l.shows("redis> GET key")     // the hint
	l.types("v")
	l.keys("tab")
	l.shows("› visits", "no expiry", "56B", `"vi sits"`, "ttl 1m", "1.0M")
	l.keys("down", "enter", "enter")
	if len(l.f.sent) != 1 || l.f.sent[0] != "GET vi sits" {
		t.Errorf("sent %q", l.f.sent)
	}
}

func TestALateCompletionIsDropped(t *testing.T) {
	l := newLab(t, false)
	l.keys("i")
	l.types("GET v")
	cmd, _ := l.Update(tea.KeyPressMsg{Code: tea.KeyTab})
	l.types("x")
	l.do(keysMsg{number: l.line.menu.number - 1, keys: []store.KeyInfo{{Key: "visits"}}})
	if l.line.menu.open() {
		t.Error("an answer to an older question is shown")
	}
	_ = cmd
}

func TestHistoryAndSearch(t *testing.T) {
	l := newLab(t, false)
	l.keys("i")
	for _, text := range []string{"GET a", "GET bb", "AUTH secret"} {
		l.types(text)
		l.keys("enter")
	}
	l.types("draft")
	l.keys("up")
	if got := l.line.input.Value(); got != "GET bb" {
		t.Errorf("the last line is %q", got)
	}
	l.keys("up", "up", "down", "down", "down")
	if got := l.line.input.Value(); got != "draft" {
		t.Errorf("the draft is %q", got)
	}
	l.keys("ctrl+r")
	l.types("a")
	l.shows("(reverse-i-search)`a': GET a")
	l.keys("enter")
	if got := l.line.input.Value(); got != "GET a" {
		t.Errorf("found %q", got)
	}
}

func TestACommandUnderWayIsCancelled(t *testing.T) {
	for _, name := range []string{"esc", "ctrl+c"} {
		l := newLab(t, false)
		l.f.hold = true
		l.keys("i")
		l.types("BLPOP a 0")
		cmd, _ := l.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
		if !l.busy() {
			t.Fatal("nothing is under way")
		}
		l.keys(name)
		l.settle(cmd)
		l.shows("cancelled: BLPOP")
		if l.line.work != nil {
			t.Error("it never ends")
		}
	}
}

func TestAStreamIsBoundedAndCounted(t *testing.T) {
	l := newLab(t, false)
	l.f.messages = 1000
	l.keys("i")
	l.types("SUBSCRIBE news")
	l.keys("enter")
	l.shows("message 199", "800 more lines came and are not shown", "the stream has ended")
}

func TestOutputIsBounded(t *testing.T) {
	l := newLab(t, false)
	l.keys("i")
	reply := store.Reply{Kind: store.Array}
	for range 3000 {
		reply.Elems = append(reply.Elems, store.Reply{Kind: store.String, Text: strings.Repeat("x", 1000)})
	}
	l.f.reply = reply
	for range 3 {
		l.types("GET a")
		l.keys("enter")
	}
	l.shows("2000 more lines are not shown")
	if len(l.output) > maxOutput || l.bytes > maxOutputBytes {
		t.Errorf("%d lines, %d bytes", len(l.output), l.bytes)
	}
}

func TestBrowser(t *testing.T) {
	l := newLab(t, false)
	l.f.keys = []store.KeyInfo{{Key: "a", Type: "string", TTL: -1}, {Key: "b\x1b[2J", Type: "hash", TTL: time.Minute}}
	l.keys("b")
	l.shows("keys *", "› a", `b\x1b[2J`, "2 keys")
	l.keys("down", "enter")
	l.shows(`"5"`)
	if got := l.f.sent[0]; !strings.HasPrefix(got, "HSCAN b") {
		t.Errorf("sent %q", got)
	}
	l.keys("esc", "d")
	l.shows("! DEL b")
	l.keys("y")
	if got := l.f.sent[len(l.f.sent)-1]; !strings.HasPrefix(got, "DEL b") {
		t.Errorf("sent %q", got)
	}
	l.keys("esc")
	if l.browser != nil {
		t.Error("esc does not close the browser")
	}
}

func TestAPasteGoesWhereIsTyped(t *testing.T) {
	l := newLab(t, false)
	l.keys("b")
	l.do(tea.PasteMsg{Content: "nowhere"})
	l.keys("/", "backspace")
	l.do(tea.PasteMsg{Content: "vis*"})
	l.shows("keys vis*▏")
	l.keys("enter", "esc", "i")
	l.types("GET visits")
	l.keys("enter", "ctrl+r")
	l.do(tea.PasteMsg{Content: "sit"})
	l.shows("(reverse-i-search)`sit': GET visits")
	if l.keys("esc"); l.line.input.Value() != "" {
		t.Errorf("the prompt has %q", l.line.input.Value())
	}
}

func TestTheBrowserQueuesNothingInATransaction(t *testing.T) {
	l := newLab(t, false)
	l.f.keys, l.f.multi = []store.KeyInfo{{Key: "a", Type: "string", TTL: -1}}, true
	l.keys("b", "enter")
	l.shows("a transaction is open")
	if len(l.f.sent) != 0 {
		t.Errorf("sent %q", l.f.sent)
	}
}

func TestNotReachable(t *testing.T) {
	l := newLab(t, false)
	l.do(Connection{errors.New("no route\x1b[2J")})
	l.shows("✖ not reachable", `Redis is not reachable: no route\x1b[2J`)
	l.do(Connection{})
	if strings.Contains(l.text(), "not reachable") {
		t.Error(l.text())
	}
}

func TestViewHasItsSizeWhateverRedisSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLab(t, rapid.Bool().Draw(rt, "readOnly"))
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab世👍\x1b\u009b\u202e\u200b\n\t\x00é"))).Draw(rt, "text")
		kind := store.Kind(rapid.IntRange(0, int(store.Push)).Draw(rt, "kind"))
		l.f.reply = store.Reply{Kind: kind, Text: text, Elems: []store.Reply{{Kind: store.Status, Text: text}, {Kind: store.Verbatim, Text: text}}}
		l.f.keys = []store.KeyInfo{{Key: text, Type: text}}
		l.typing = true
		l.Update(tea.PasteMsg{Content: text})
		l.Update(repliedMsg{args: []string{"GET", text}, reply: l.f.reply})
		switch rapid.IntRange(0, 3).Draw(rt, "state") {
		case 0:
			l.Update(keysMsg{keys: append(l.f.keys, l.f.keys...)})
		case 1:
			l.Update(describedMsg{[]string{"DEL", text}, []string{text}})
		case 2:
			l.browser = newBrowser(l.line)
			l.Update(browsedMsg{keys: l.f.keys})
		}
		width, height := rapid.IntRange(0, 100).Draw(rt, "width"), rapid.IntRange(0, 30).Draw(rt, "height")
		rows := strings.Split(l.View(tuitest.Themes().Dark, width, height, true), "\n")
		for _, row := range rows {
			if height > 0 && draw.Width(row) != width || len(rows) != max(height, 1) {
				rt.Fatalf("%dx%d: %d rows, %d wide: %q", width, height, len(rows), draw.Width(row), ansi.Strip(row))
			}
			if strings.ContainsAny(ansi.Strip(row), "\x1b\u009b\u202e\x00") {
				rt.Fatalf("controls in %q", row)
			}
		}
	})
}
