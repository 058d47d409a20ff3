package redispane

import (
	"context"
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

const (
	maxBrowsed  = 1000
	maxElements = 100
	maxValue    = 64 << 10 // bytes of a string
)

// browser lists the keys, and shows the value of one.
type browser struct {
	line    *line
	keys    []store.KeyInfo
	all     bool // keys are all there are
	err     error
	asked   bool
	pattern string
	typing  bool
	at      int
	value   []printed // of the key that was opened; nil for the list
	offset  int
}

type (
	browsedMsg struct {
		keys []store.KeyInfo
		all  bool
		err  error
	}
	valueMsg struct {
		args  []string
		reply store.Reply
		err   error
	}
)

func newBrowser(l *line) *browser { return &browser{line: l, pattern: "*"} }

func (b *browser) refresh() tea.Cmd {
	pattern := b.pattern
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(b.line.ctx, completionLimit)
		defer cancel()
		found, all, err := b.line.o.Session.Keys(ctx, pattern, maxBrowsed)
		return browsedMsg{found, all, err}
	}
}

func (b *browser) take(msg tea.Msg) {
	switch msg := msg.(type) {
	case browsedMsg:
		b.keys, b.all, b.err, b.asked = msg.keys, msg.all, msg.err, true
		b.at = max(min(b.at, len(b.keys)-1), 0)
	case valueMsg:
		b.line.work, b.offset = nil, 0
		if msg.err != nil {
			b.value = []printed{{failure, safe(msg.err.Error())}}
			return
		}
		b.line.show(msg.args, msg.reply)
		b.value = b.line.taken()
		if len(msg.reply.Elems) >= maxElements {
			b.value = append(b.value, printed{remark, fmt.Sprintf("… there may be more than the first %d elements", maxElements)})
		}
		if len(msg.reply.Text) >= maxValue {
			b.value = append(b.value, printed{remark, fmt.Sprintf("… there may be more than the first %d bytes", maxValue)})
		}
	}
}

// reading is the command that reads a value of a type, bounded.
func reading(k store.KeyInfo) []string {
	last := fmt.Sprint(maxElements - 1)
	switch k.Type {
	case "string":
		return []string{"GETRANGE", k.Key, "0", fmt.Sprint(maxValue - 1)}
	case "list":
		return []string{"LRANGE", k.Key, "0", last}
	case "hash":
		return []string{"HSCAN", k.Key, "0", "COUNT", fmt.Sprint(maxElements)}
	case "set":
		return []string{"SSCAN", k.Key, "0", "COUNT", fmt.Sprint(maxElements)}
	case "zset":
		return []string{"ZRANGE", k.Key, "0", last, "WITHSCORES"}
	case "stream":
		return []string{"XRANGE", k.Key, "-", "+", "COUNT", fmt.Sprint(maxElements)}
	}
	return []string{"TYPE", k.Key}
}

func (b *browser) open() tea.Cmd {
	k, ok := b.selected()
	if !ok {
		return nil
	}
	if b.line.o.Session.InTransaction() { // it would only be queued
		b.value = []printed{{failure, "a transaction is open: end it with EXEC or DISCARD to look at values"}}
		return nil
	}
	args := reading(k)
	ctx, cancel := context.WithTimeout(b.line.ctx, commandLimit)
	b.line.work = &work{args: args, begun: b.line.o.Clock(), cancel: cancel}
	return func() tea.Msg {
		defer cancel()
		reply, err := b.line.o.Session.Run(ctx, args)
		if err == nil && strings.HasSuffix(args[0], "SCAN") && len(reply.Elems) == 2 { // the cursor is of no interest
			reply = reply.Elems[1]
		}
		return valueMsg{args, reply, err}
	}
}

func (b *browser) selected() (store.KeyInfo, bool) {
	if b.at < len(b.keys) {
		return b.keys[b.at], true
	}
	return store.KeyInfo{}, false
}

func (b *browser) selection() string {
	if b.value != nil {
		return plain(b.value)
	}
	k, _ := b.selected()
	return safe(k.Key)
}

// press takes a key; done closes the browser.
func (b *browser) press(msg tea.KeyPressMsg) (cmd tea.Cmd, done bool) {
	k := b.line.keys
	switch {
	case b.typing:
		return b.edit(msg), false
	case keys.Matches(msg, k.Global.Back, k.Global.Quit):
		if b.value == nil {
			return nil, true
		}
		b.value = nil
	case keys.Matches(msg, k.Logs.Up):
		b.move(-1)
	case keys.Matches(msg, k.Logs.Down):
		b.move(1)
	case keys.Matches(msg, k.Logs.PageUp):
		b.move(-10)
	case keys.Matches(msg, k.Logs.PageDown):
		b.move(10)
	case keys.Matches(msg, k.Logs.Search):
		b.typing, b.value = true, nil
	case keys.Matches(msg, k.Prompt.Accept):
		return b.open(), false
	case msg.String() == "r":
		return b.refresh(), false
	case msg.String() == "d" && !b.line.o.ReadOnly:
		if chosen, ok := b.selected(); ok {
			b.value = nil
			return b.line.describe([]string{"DEL", chosen.Key}), false
		}
	case keys.Matches(msg, k.Redis.Undo):
		return b.line.undo(), false
	}
	return nil, false
}

func (b *browser) edit(msg tea.KeyPressMsg) tea.Cmd {
	k := b.line.keys
	switch {
	case keys.Matches(msg, k.Prompt.Accept, k.Prompt.Cancel):
		b.typing = false
		if b.pattern == "" {
			b.pattern = "*"
		}
		return b.refresh()
	case msg.Code == tea.KeyBackspace:
		if r := []rune(b.pattern); len(r) > 0 {
			b.pattern = string(r[:len(r)-1])
		}
	case msg.Text != "":
		b.pattern += safe(msg.Text)
	}
	return nil
}

func (b *browser) move(by int) {
	if b.value != nil {
		b.offset = max(min(b.offset+by, len(b.value)-1), 0)
		return
	}
	b.at = max(min(b.at+by, len(b.keys)-1), 0)
}

func (b *browser) wheel(msg tea.MouseWheelMsg) tea.Cmd {
	b.move(map[tea.MouseButton]int{tea.MouseWheelUp: -1, tea.MouseWheelDown: 1}[msg.Button])
	return nil
}

func (b *browser) hints() []key.Binding {
	named := func(name, does string) key.Binding {
		return key.NewBinding(key.WithKeys(name), key.WithHelp(name, does))
	}
	if b.typing {
		return []key.Binding{b.line.keys.Prompt.Accept}
	}
	hints := []key.Binding{named("enter", "value"), named("/", "pattern"), named("r", "refresh")}
	if !b.line.o.ReadOnly {
		hints = append(hints, named("d", "delete"), named("U", "undo"))
	}
	return append(hints, b.line.keys.Global.Back)
}

func (b *browser) view(t *theme.Theme, width, rows int, frame *draw.Frame) []string {
	frame.Title = "4 redis: keys " + b.pattern
	if b.typing {
		frame.Title += "▏"
	}
	frame.Footer = fmt.Sprintf("%d keys", len(b.keys))
	if !b.all {
		frame.Footer = fmt.Sprintf("%d keys or more", len(b.keys))
	}
	if b.value != nil {
		k, _ := b.selected()
		frame.Title = "4 redis: " + safe(k.Key)
		return render(t, b.value[b.offset:min(b.offset+max(rows, 0), len(b.value))], width)
	}
	switch {
	case b.err != nil:
		return []string{t.Bad.Render(draw.Cut("✖ "+safe(b.err.Error()), width))}
	case len(b.keys) == 0 && b.asked:
		return []string{t.Muted.Render("no key matches")}
	}
	var lines []string
	first := max(min(b.at-rows+1, len(b.keys)-rows), 0)
	for i := first; i < min(first+rows, len(b.keys)); i++ {
		text := draw.Left(safe(b.keys[i].Key), max(width-30, 8)) + " " + describeKey(b.keys[i])
		if i == b.at {
			lines = append(lines, t.Selected.Render(draw.Left("› "+text, width)))
		} else {
			lines = append(lines, t.Text.Render(draw.Cut("  "+text, width)))
		}
	}
	return lines
}
