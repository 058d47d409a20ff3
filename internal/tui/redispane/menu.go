package redispane

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
)

const (
	maxMenuKeys = 100
	menuRows    = 6
	// completionLimit bounds the wait for keys; the session bounds the search itself.
	completionLimit = 5 * time.Second
)

// item is one candidate: what is put into the line, and what is said beside it.
type item struct{ text, note string }

// menu is the list of candidates above the prompt.
type menu struct {
	items  []item
	from   int // where in the line the word begins that is replaced
	chosen int
	more   bool // there are more than were looked for
	number int  // completions so far: tells a late answer from the present one
}

func (m *menu) open() bool { return len(m.items) > 0 }

func (m *menu) close() { m.items = nil }

type keysMsg struct {
	number   int
	from     int
	keys     []store.KeyInfo
	complete bool
	err      error
}

// complete offers what the last word could become. A single candidate is taken at once.
func (l *line) complete() tea.Cmd {
	text := l.input.Value()[:byteOffset(l.input.Value(), l.input.Position())]
	c := l.o.Session.Complete(text)
	l.menu.number++
	if c.WantKeys {
		number := l.menu.number
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(l.ctx, completionLimit)
			defer cancel()
			found, complete, err := l.o.Session.Keys(ctx, console.Prefix(c.Prefix), maxMenuKeys)
			return keysMsg{number, c.From, found, complete, err}
		}
	}
	var items []item
	for _, candidate := range c.Candidates {
		items = append(items, item{candidate.Text, draw.Safe(candidate.Summary)})
	}
	l.offer(items, c.From, false)
	return nil
}

func byteOffset(s string, runes int) int {
	for i := range s {
		if runes == 0 {
			return i
		}
		runes--
	}
	return len(s)
}

// offerKeys shows the keys that were found, unless the line has changed since.
func (l *line) offerKeys(msg keysMsg) {
	if msg.number != l.menu.number {
		return
	}
	if msg.err != nil {
		l.say(failure, "completing keys: "+msg.err.Error())
		return
	}
	items := make([]item, 0, len(msg.keys))
	for _, k := range msg.keys {
		items = append(items, item{console.Quote(k.Key), describeKey(k)})
	}
	l.offer(items, msg.from, !msg.complete)
}

// describeKey is type, time to live and size.
func describeKey(k store.KeyInfo) string {
	ttl := "no expiry"
	if k.TTL >= 0 {
		ttl = "ttl " + draw.Age(k.TTL)
	}
	size := ""
	if k.Size > 0 {
		size = draw.Bytes(uint64(k.Size))
	}
	return fmt.Sprintf("%-7s %-10s %6s", draw.Safe(k.Type), ttl, size)
}

func (l *line) offer(items []item, from int, more bool) {
	l.menu.items, l.menu.from, l.menu.chosen, l.menu.more = items, from, 0, more
	if len(items) == 1 && !more {
		l.take()
	}
}

// take puts the chosen candidate into the line.
func (l *line) take() {
	value := l.input.Value()
	end := byteOffset(value, l.input.Position())
	if l.menu.from > end {
		l.menu.close()
		return
	}
	head := value[:l.menu.from] + l.menu.items[l.menu.chosen].text + " "
	l.input.SetValue(head + strings.TrimLeft(value[end:], " "))
	l.input.SetCursor(len([]rune(head)))
	l.menu.close()
}

// press takes the keys of an open menu; any other key closes it and goes to the line.
func (m *menu) press(msg tea.KeyPressMsg, l *line) bool {
	k := l.keys
	switch {
	case keys.Matches(msg, k.Redis.Complete, k.Redis.HistoryNext):
		m.chosen = (m.chosen + 1) % len(m.items)
	case keys.Matches(msg, k.Redis.CompletePrevious, k.Redis.HistoryPrevious):
		m.chosen = (m.chosen + len(m.items) - 1) % len(m.items)
	case keys.Matches(msg, k.Prompt.Accept), msg.String() == "space":
		l.take()
	case keys.Matches(msg, k.Prompt.Cancel):
		m.close()
	default:
		m.close()
		return false
	}
	return true
}
