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
)

const (
	// commandLimit bounds a command that answers at once, including the time to open a connection.
	commandLimit = 30 * time.Second
	// blockingLimit bounds one that waits for something: BLPOP, XREAD BLOCK, WAIT. esc ends it earlier.
	blockingLimit = 10 * time.Minute
	// maxReplyLines bounds what is shown of one reply.
	maxReplyLines = 1000
)

type (
	loadedMsg  struct{ err error }
	repliedMsg struct {
		number int
		args   []string
		reply  store.Reply
		err    error
		prompt string
	}
	describedMsg struct {
		args  []string
		lines []string
	}
	undoneMsg struct {
		text string
		err  error
	}
)

// blocks reports whether a command may wait for long.
func blocks(args []string) bool {
	switch name := strings.ToUpper(args[0]); name {
	case "BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "BLMPOP", "WAIT", "WAITAOF", "XREAD", "XREADGROUP", "EVAL", "EVALSHA", "FCALL":
		return true
	}
	return false
}

// send carries out a command, that many times.
func (l *line) send(args []string, times int) tea.Cmd {
	if store.Streams(args) {
		return l.follow(args)
	}
	limit := commandLimit
	if blocks(args) {
		limit = blockingLimit
	}
	ctx, cancel := context.WithTimeout(l.ctx, limit)
	l.sent++
	number := l.sent
	l.work = &work{args: args, begun: l.o.Clock(), cancel: cancel, left: times - 1}
	return func() tea.Msg {
		defer cancel()
		reply, err := l.o.Session.Run(ctx, args)
		if ctx.Err() == context.Canceled && err != nil {
			err = fmt.Errorf("%w: %s; whether it was carried out is not known", errCancelled, args[0])
		}
		return repliedMsg{number, args, reply, err, l.o.Session.Prompt()}
	}
}

func (l *line) replied(msg repliedMsg) tea.Cmd {
	if msg.number != l.sent {
		return nil
	}
	again := 0
	if l.work != nil && !l.work.stopped {
		again = l.work.left
	}
	l.work = nil
	if msg.prompt != "" {
		l.prompt = msg.prompt
	}
	if msg.err != nil {
		l.say(failure, msg.err.Error())
		return nil
	}
	l.show(msg.args, msg.reply)
	if l.o.Session.Danger(msg.args) && console.Removes(msg.args) && msg.reply.Kind != store.Error {
		l.say(remark, "undo restores it")
	}
	if again > 0 {
		return l.send(msg.args, again)
	}
	return nil
}

// show prints a reply as redis-cli does.
func (l *line) show(args []string, reply store.Reply) {
	k := answer
	if reply.Kind == store.Error {
		k = failure
	}
	lines := strings.Split(strings.TrimSuffix(l.o.Format(args, reply), "\n"), "\n")
	more := len(lines) - maxReplyLines
	if more > 0 {
		lines = lines[:maxReplyLines]
	}
	for _, text := range lines {
		l.say(k, strings.TrimSuffix(text, "\r"))
	}
	if more > 0 {
		l.say(remark, fmt.Sprintf("… %d more lines are not shown; ask for less, or use `stackctl redis %s`", more, args[0]))
	}
}

// describe finds out what a command would destroy, and then asks.
func (l *line) describe(args []string) tea.Cmd {
	ctx, cancel := context.WithTimeout(l.ctx, commandLimit)
	l.work = &work{args: args, begun: l.o.Clock(), cancel: cancel}
	return func() tea.Msg {
		defer cancel()
		return describedMsg{args, l.o.Session.Describe(ctx, args)}
	}
}

func (l *line) ask(msg describedMsg) {
	stopped := l.work != nil && l.work.stopped
	l.work = nil
	if stopped {
		l.say(remark, "not sent")
		return
	}
	q := &question{args: msg.args, text: draw.Safe(masked(strings.Join(msg.args, " "))) + " ?"}
	for _, d := range msg.lines {
		q.details = append(q.details, draw.Safe(d))
	}
	l.question = q
}

// undo restores what the last removal took.
func (l *line) undo() tea.Cmd {
	if l.work != nil || l.question != nil || l.o.ReadOnly {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, commandLimit)
	l.work = &work{args: []string{"undo"}, begun: l.o.Clock(), cancel: cancel}
	return func() tea.Msg {
		defer cancel()
		text, err := l.o.Session.Undo(ctx)
		return undoneMsg{text, err}
	}
}

func (l *line) undone(msg undoneMsg) {
	l.work = nil
	if msg.err != nil {
		l.say(failure, msg.err.Error())
		return
	}
	l.say(remark, msg.text)
}
