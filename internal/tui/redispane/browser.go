package redispane

import (
	"context"
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/field"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

const (
	maxBrowsed  = 1000
	maxElements = 100
	maxValue    = 64 << 10 // bytes of a string
	maxPattern  = 4096     // characters
)

// browser lists the keys, and shows the value of one.
type browser struct {
	line    *line
	keys    []store.KeyInfo
	all     bool // keys are all there are
	err     error
	asked   bool
	pattern field.Field
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

func newBrowser(l *line) *browser { return &browser{line: l, pattern: field.New("*", maxPattern)} }

func (b *browser) refresh() tea.Cmd {
	pattern := b.pattern.Value()
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
			b.value = []printed{{failure, draw.Safe(msg.err.Error())}}
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

// reading is the command that reads a part of a value, by its type.
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
		if err == nil && strings.HasSuffix(args[0], "SCAN") && len(reply.Elems) == 2 { // without the cursor
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
	return draw.Safe(k.Key)
}

// press takes a key; done closes the browser.
func (b *browser) press(msg tea.KeyPressMsg) (cmd tea.Cmd, done bool) {
	k := b.line.keys
	switch {
	case b.typing:
		return b.edit(msg), false
	case !keys.Matches(msg, k.Global.Back, k.Global.Quit):
		cmd, _ = keys.Press(msg, b.actions())
	case b.value == nil:
		return nil, true
	default:
		b.value = nil
	}
	return cmd, false
}

func (b *browser) actions() []keys.Action {
	k := b.line.keys
	return []keys.Action{
		{Key: k.Browser.Open, Run: b.open},
		keys.Do(k.Browser.Pattern, func() { b.typing, b.value = true, nil }),
		{Key: k.Browser.Refresh, Run: b.refresh},
		{Key: k.Browser.Delete, Run: b.remove},
		{Key: k.Browser.Undo, Run: b.line.undo},
		keys.Do(k.Logs.Up, func() { b.move(-1) }), keys.Do(k.Logs.Down, func() { b.move(1) }),
		keys.Do(k.Logs.PageUp, func() { b.move(-10) }), keys.Do(k.Logs.PageDown, func() { b.move(10) }),
	}
}

func (b *browser) remove() tea.Cmd {
	chosen, ok := b.selected()
	if !ok {
		return nil
	}
	b.value = nil
	return b.line.describe([]string{"DEL", chosen.Key})
}

func (b *browser) edit(msg tea.KeyPressMsg) tea.Cmd {
	if k := b.line.keys; keys.Matches(msg, k.Prompt.Accept, k.Prompt.Cancel) {
		b.typing = false
		if b.pattern.Value() == "" {
			b.pattern.SetValue("*")
		}
		return b.refresh()
	}
	b.pattern.Type(msg)
	return nil
}

// paste is for the pattern alone.
func (b *browser) paste(msg tea.PasteMsg) {
	if b.typing {
		b.pattern.Type(msg)
	}
}

func (b *browser) move(by int) {
	if b.value != nil {
		b.offset = max(min(b.offset+by, len(b.value)-1), 0)
		return
	}
	b.at = max(min(b.at+by, len(b.keys)-1), 0)
}

func (b *browser) hints() []key.Binding {
	k := b.line.keys
	if b.typing {
		return []key.Binding{k.Prompt.Accept}
	}
	return []key.Binding{k.Browser.Open, k.Browser.Pattern, k.Browser.Refresh, k.Browser.Delete, k.Browser.Undo, k.Global.Back}
}

func (b *browser) view(t *theme.Theme, width, rows int, frame *draw.Frame) []string {
	title, pattern := frame.Title, b.pattern.Value()
	if b.typing {
		pattern = b.pattern.Marked()
	}
	frame.Title = title + ": keys " + pattern
	frame.Footer = fmt.Sprintf("%d keys", len(b.keys))
	if !b.all {
		frame.Footer = fmt.Sprintf("at least %d keys", len(b.keys))
	}
	if b.value != nil {
		k, _ := b.selected()
		frame.Title = title + ": " + draw.Safe(k.Key)
		return render(t, b.value[b.offset:min(b.offset+max(rows, 0), len(b.value))], width)
	}
	switch {
	case b.err != nil:
		return []string{t.Bad.Render(draw.Cut("✖ "+draw.Safe(b.err.Error()), width))}
	case len(b.keys) == 0 && b.asked:
		return []string{t.Muted.Render("no key matches")}
	}
	return draw.List(t, len(b.keys), b.at, width, rows, func(i int) string {
		return draw.Left(draw.Safe(b.keys[i].Key), max(width-30, 8)) + " " + describeKey(b.keys[i])
	})
}
