// Package redispane is the Redis console on a screen: as a pane of the dashboard, and as the interactive `stackctl redis`.
package redispane

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/field"
	"stackctl.dev/stackctl/internal/tui/keys"
)

// Session runs commands and knows them; *console.Session is one.
type Session interface {
	Prompt() string
	InTransaction() bool
	Load(ctx context.Context) error
	Run(ctx context.Context, args []string) (store.Reply, error)
	Stream(ctx context.Context, args []string, emit func(store.Reply) error) error
	Complete(line string) console.Completion
	Hint(line string) string
	Keys(ctx context.Context, pattern string, limit int) (keys []store.KeyInfo, complete bool, err error)
	ReadsOnly(args []string) bool
	Danger(args []string) bool
	Describe(ctx context.Context, args []string) []string
	Undo(ctx context.Context) (string, error)
}

var _ Session = (*console.Session)(nil)

// Options are how a console begins.
type Options struct {
	Session  Session
	History  *console.History
	ReadOnly bool // only commands that read are sent
	Clock    func() time.Time
	// Format prints a reply, final newline included; nil is as redis-cli does on a terminal.
	Format func(args []string, reply store.Reply) string
	// Sent is called when a command has been answered, which may have changed the data; nil is nothing.
	Sent func()
}

// kind is what a line of the output is, for its style.
type kind uint8

const (
	echo kind = iota
	answer
	failure
	remark // of the console itself
)

// printed is one line of output: safe text.
type printed struct {
	kind kind
	text string
}

// line is the prompt: what is typed, completed, asked and sent. Its owner shows it, and takes what it prints.
type line struct {
	ctx     context.Context
	keys    keys.Map
	o       Options
	input   field.Field
	prompt  string
	out     []printed // not yet taken by the owner
	loaded  bool
	loading bool

	recalled int    // index into the history; its length is the line being typed
	draft    string // the line that was typed before the history was looked through
	search   *search
	menu     menu

	question *question
	work     *work
	ticking  bool
	ahead    []tea.Msg // typed while a command was under way
	sent     int       // commands so far: tells a late answer from the present one
}

// search is a reverse search through the history.
type search struct {
	input field.Field
	found int // index of the match; the history's length before there is one
}

// question asks whether a command that destroys is to be sent.
type question struct {
	args    []string
	text    string
	details []string
}

// work is a command under way.
type work struct {
	args    []string
	begun   time.Time
	cancel  context.CancelFunc
	stopped bool // by the user
	left    int  // how often it is sent again
	stream  *stream
}

// maxLine bounds a line, and maxSearch what is looked for in the history, in characters.
const (
	maxLine   = 64 << 10
	maxSearch = 512
)

func newLine(ctx context.Context, k keys.Map, o Options) *line {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Format == nil {
		o.Format = store.FormatTTY
	}
	if o.Sent == nil {
		o.Sent = func() {}
	}
	if o.ReadOnly {
		k.ReadOnly()
	}
	return &line{ctx: ctx, keys: k, o: o, input: field.New("", maxLine), prompt: "redis> ", recalled: o.History.Len()}
}

// say prints lines of the console itself.
func (l *line) say(k kind, texts ...string) {
	for _, text := range texts {
		l.out = append(l.out, printed{k, draw.Safe(text)})
	}
}

// taken hands the output over.
func (l *line) taken() []printed {
	out := l.out
	l.out = nil
	return out
}

// maxAhead bounds what can be typed ahead, in keys.
const maxAhead = 512

// update takes a message; keys are for the prompt. What is typed while a command runs waits for its end, as with redis-cli; only a
// question takes no answer that was typed before it was asked.
func (l *line) update(msg tea.Msg) tea.Cmd {
	cmd := l.handle(msg)
	for l.work == nil && len(l.ahead) > 0 {
		next := l.ahead[0]
		l.ahead = l.ahead[1:]
		if l.question != nil {
			l.ahead = nil
			break
		}
		cmd = tea.Batch(cmd, l.handle(next))
	}
	return cmd
}

func (l *line) later(msg tea.Msg) {
	if len(l.ahead) < maxAhead {
		l.ahead = append(l.ahead, msg)
	}
}

func (l *line) handle(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		return l.press(msg)
	case tea.PasteMsg:
		if l.work != nil {
			l.later(msg)
			return nil
		}
		if l.question != nil {
			return nil
		}
		if l.search != nil {
			l.searching(msg)
			return nil
		}
		l.menu.close()
		l.edit(msg)
	case tickMsg:
		l.ticking = false
	case loadedMsg:
		l.loading, l.loaded = false, msg.err == nil
	case repliedMsg:
		l.o.Sent()
		return l.replied(msg)
	case describedMsg:
		l.ask(msg)
	case keysMsg:
		l.offerKeys(msg)
	case undoneMsg:
		l.o.Sent()
		l.undone(msg)
	case streamMsg:
		return l.streamed(msg)
	}
	return nil
}

// tickMsg updates the time of a running command.
type tickMsg struct{}

// tick shows the time of a running command anew every second; there is at most one tick under way, and none while no command runs.
func (l *line) tick() tea.Cmd {
	if l.work == nil || l.ticking {
		return nil
	}
	l.ticking = true
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{} })
}

// load reads the server's commands, if they are not known yet.
func (l *line) load() tea.Cmd {
	if l.loaded || l.loading {
		return nil
	}
	l.loading = true
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(l.ctx, commandLimit)
		defer cancel()
		return loadedMsg{l.o.Session.Load(ctx)}
	}
}
