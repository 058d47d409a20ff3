package redispane

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/field"
	"stackctl.dev/stackctl/internal/tui/keys"
)

// press takes a key at the prompt: an open question first, then a command under way, the search, the menu, the line itself.
func (l *line) press(msg tea.KeyPressMsg) tea.Cmd {
	k := l.keys.Redis
	switch {
	case l.question != nil:
		return l.answer(msg)
	case l.work != nil:
		if keys.Matches(msg, k.Leave, l.keys.Global.Interrupt) {
			l.work.stopped, l.ahead = true, nil
			l.work.cancel()
		} else if l.work.stream == nil {
			l.later(msg)
		}
		return nil
	case l.search != nil:
		l.searching(msg)
		return nil
	case l.menu.open() && l.menu.press(msg, l):
		return nil
	case keys.Matches(msg, k.Submit):
		return l.submit()
	case keys.Matches(msg, k.Complete):
		return l.complete()
	case keys.Matches(msg, k.HistoryPrevious):
		l.recall(-1)
	case keys.Matches(msg, k.HistoryNext):
		l.recall(1)
	case keys.Matches(msg, k.HistorySearch):
		l.search = &search{field.New("", maxSearch), l.o.History.Len()}
	case keys.Matches(msg, l.keys.Global.Interrupt):
		l.say(echo, l.prompt+l.input.Value()+"^C")
		l.set("")
	default:
		l.edit(msg)
	}
	return nil
}

// edit lets the text field have a key. Redis gets every character as it was typed.
func (l *line) edit(msg tea.Msg) {
	l.menu.number++ // keys still being looked for belong to another line
	l.input.Edit(msg)
}

func (l *line) set(text string) {
	l.input.SetValue(text)
	l.input.CursorEnd()
	l.recalled = l.o.History.Len()
	l.menu.close()
	l.menu.number++
}

// recall goes through the history; the line that was being typed comes after its end.
func (l *line) recall(by int) {
	h := l.o.History
	to := l.recalled + by
	if to < 0 || to > h.Len() {
		return
	}
	if l.recalled >= h.Len() {
		l.draft = l.input.Value()
	}
	text := l.draft
	if to < h.Len() {
		text = h.At(to)
	}
	l.set(text)
	l.recalled = to
}

// searching edits a reverse search.
func (l *line) searching(msg tea.Msg) {
	s, h := l.search, l.o.History
	find := func(before int) {
		if i, ok := h.Search(s.input.Value(), before); ok {
			s.found = i
		}
	}
	press, _ := msg.(tea.KeyPressMsg)
	switch {
	case keys.Matches(press, l.keys.Redis.HistorySearch): // the next older one
		find(s.found)
	case keys.Matches(press, l.keys.Prompt.Cancel, l.keys.Global.Interrupt):
		l.search = nil
	case keys.Matches(press, l.keys.Prompt.Accept):
		if s.found < h.Len() {
			l.set(h.At(s.found))
		}
		l.search = nil
	case s.input.Type(msg):
		find(h.Len())
	}
}

// submit sends the line, or asks before it does.
func (l *line) submit() tea.Cmd {
	text := l.input.Value()
	l.say(echo, l.prompt+masked(text))
	args, err := store.SplitLine(text)
	if err != nil { // the line stays, to be corrected
		l.say(failure, "Invalid argument(s): "+err.Error())
		return nil
	}
	l.set("")
	if len(args) == 0 {
		return nil
	}
	before := l.o.History.Err()
	l.o.History.Add(text)
	if err := l.o.History.Err(); err != nil && before == nil {
		l.say(remark, "the history is no longer kept: "+err.Error())
	}
	l.recalled = l.o.History.Len()
	if cmd, ok := l.own(args); ok {
		return cmd
	}
	times, args, err := repeats(args)
	switch {
	case err != nil:
		l.say(failure, err.Error())
		return nil
	case l.o.ReadOnly && !l.o.Session.ReadsOnly(args):
		l.say(failure, strings.ToUpper(args[0])+" is not sent: the console is read-only, and this may change data or the server")
		return nil
	case l.o.Session.Danger(args):
		return l.describe(args)
	}
	return l.send(args, times)
}

// own carries out the console's own words, which are no Redis commands.
func (l *line) own(args []string) (tea.Cmd, bool) {
	if len(args) > 1 {
		return nil, false
	}
	switch strings.ToLower(args[0]) {
	case "exit", "quit":
		return func() tea.Msg { return leaveMsg{} }, true
	case "clear":
		return func() tea.Msg { return clearMsg{} }, true
	case "undo":
		if l.o.ReadOnly {
			l.say(failure, "nothing is undone: the console is read-only")
		}
		return l.undo(), true
	}
	return nil, false
}

// leaveMsg asks the owner of the line to leave it.
type leaveMsg struct{}

// clearMsg asks the owner of the line to clear the output.
type clearMsg struct{}

// repeats reads a number before a command: how often it is sent, as with redis-cli.
func repeats(args []string) (times int, command []string, err error) {
	n, notNumber := strconv.Atoi(args[0])
	switch {
	case notNumber != nil || len(args) == 1:
		return 1, args, nil
	case n < 1:
		return 0, nil, fmt.Errorf("checking %q: a command is sent at least once", args[0])
	}
	return n, args[1:], nil
}

// answer takes the answer to a question; no is the default.
func (l *line) answer(msg tea.KeyPressMsg) tea.Cmd {
	q := l.question
	switch {
	case keys.Matches(msg, l.keys.Prompt.Yes):
		l.question = nil
		return l.send(q.args, 1)
	case keys.Matches(msg, l.keys.Prompt.No, l.keys.Prompt.Accept, l.keys.Prompt.Cancel, l.keys.Global.Interrupt):
		l.question = nil
		l.say(remark, "not sent")
	}
	return nil
}

// errCancelled ends a command that the user cancelled.
var errCancelled = errors.New("cancelled")

// masked is a line as it is shown once it was sent.
func masked(text string) string {
	if !console.Secret(text) {
		return text
	}
	name, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return name + " ••••••"
}
