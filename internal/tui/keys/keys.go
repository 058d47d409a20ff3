// Package keys names every key of the dashboard, in one place: the panes act on them, the help shows them.
package keys

import (
	"strconv"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// Map holds all bindings. Those of Global work everywhere except while text is being typed.
type Map struct {
	Global   Global
	Visits   Visits
	Services Services
	Logs     Logs
	Redis    Redis
	Browser  Browser
	Prompt   Prompt
}

// Global are the keys of the dashboard as a whole.
type Global struct {
	Quit, Interrupt, Suspend, Help, Palette, Next, Previous, Zoom, Back,
	Copy, Mouse, Open, Up, Down, Reset, UndoReset key.Binding
}

// Visits are the keys of the counter.
type Visits struct{ Range key.Binding }

// Services are the keys of the list of services.
type Services struct {
	Up, Down, Top, Bottom, Details, Sort, Reverse, Filter, Restart, Stop, Start, More, Fewer, Shell, Logs key.Binding
}

// Logs are the keys of the logs.
type Logs struct {
	Up, Down, PageUp, PageDown, Top, Bottom, Left, Right, Follow, Search, Next, Previous, OnlyMatches, Service, Level, Wrap, Timestamps, Compact, Jump, Save, Request, Clear key.Binding
}

// Redis are the keys of the Redis console.
type Redis struct {
	Submit, Complete, CompletePrevious, HistoryPrevious, HistoryNext, HistorySearch, PageUp, PageDown, Leave, Edit, Browse, Undo, Clear key.Binding
}

// Browser are the keys of the list of Redis keys.
type Browser struct{ Open, Pattern, Refresh, Delete, Undo key.Binding }

// Prompt are the keys of a question.
type Prompt struct{ Yes, No, Accept, Cancel key.Binding }

func bind(help, description string, names ...string) key.Binding {
	if len(names) == 0 {
		names = []string{help}
	}
	return key.NewBinding(key.WithKeys(names...), key.WithHelp(help, description))
}

// Default returns the keys as they are shipped.
func Default() Map {
	return Map{Global: global(), Visits: Visits{Range: bind("r", "another range of the chart")}, Services: services(), Logs: logs(), Redis: redis(), Browser: browser(), Prompt: prompt()}
}

func global() Global {
	return Global{
		Quit: bind("q", "quit"), Interrupt: bind("ctrl+c", "quit, from anywhere"), Suspend: bind("ctrl+z", "suspend"),
		Help: bind("?", "all keys"), Palette: bind(":", "command palette"),
		Next: bind("tab", "next pane"), Previous: bind("shift+tab", "previous pane"),
		Zoom: bind("z", "zoom the pane"), Back: bind("esc", "back"),
		Copy: bind("y", "copy"), Mouse: bind("m", "release the mouse"), Open: bind("o", "open the URL"),
		Up: bind("u", "start the stack"), Down: bind("D", "remove the stack"), Reset: bind("R", "reset visits"), UndoReset: bind("U", "undo the reset"),
	}
}

func services() Services {
	return Services{
		Up: bind("↑/k", "up", "up", "k"), Down: bind("↓/j", "down", "down", "j"), Top: bind("g", "first", "g", "home"), Bottom: bind("G", "last", "G", "end"),
		Details: bind("enter", "details"), Sort: bind("s", "sort by the next column"), Reverse: bind("S", "reverse the order"), Filter: bind("/", "filter"),
		Restart: bind("r", "restart"), Stop: bind("x", "stop"), Start: bind("a", "start"), More: bind("+", "add a replica", "+", "="), Fewer: bind("-", "remove a replica"),
		Shell: bind("e", "shell"), Logs: bind("l", "show only its logs"),
	}
}

func logs() Logs {
	return Logs{
		Up: bind("↑/k", "line up", "up", "k"), Down: bind("↓/j", "line down", "down", "j"), PageUp: bind("pgup", "page up", "pgup", "ctrl+b"), PageDown: bind("pgdn", "page down", "pgdown", "ctrl+f"),
		Top: bind("g", "oldest", "g", "home"), Bottom: bind("G", "newest line, follow", "G", "end"), Left: bind("←", "left", "left", "h"), Right: bind("→", "right", "right"),
		Follow: bind("space", "follow or pause", "space", "f"), Search: bind("/", "search"), Next: bind("n", "next match"), Previous: bind("N", "previous match"), OnlyMatches: bind("&", "only matches"),
		Service: bind("s", "next service"), Level: bind("v", "level"), Wrap: bind("w", "wrap"), Timestamps: bind("T", "timestamps"), Compact: bind("J", "JSON short or in full"), Jump: bind("t", "jump to time"),
		Save: bind("S", "save to file"), Request: bind("enter", "this request in all tiers"), Clear: bind("c", "clear filters"),
	}
}

func redis() Redis {
	return Redis{
		Submit: bind("enter", "send"), Complete: bind("tab", "complete"), CompletePrevious: bind("shift+tab", "previous completion"),
		HistoryPrevious: bind("↑", "previous command", "up", "ctrl+p"), HistoryNext: bind("↓", "next command", "down", "ctrl+n"), HistorySearch: bind("ctrl+r", "search history"),
		PageUp: bind("pgup", "page up", "pgup"), PageDown: bind("pgdn", "page down", "pgdown"), Leave: bind("esc", "leave the prompt"), Edit: bind("i", "type a command", "i", "enter"),
		Browse: bind("b", "browse keys"), Undo: bind("U", "undo the last removal"), Clear: bind("ctrl+l", "clear"),
	}
}

func browser() Browser {
	return Browser{Open: bind("enter", "value"), Pattern: bind("/", "pattern"), Refresh: bind("r", "refresh"), Delete: bind("d", "delete"), Undo: bind("U", "undo")}
}

func prompt() Prompt {
	return Prompt{Yes: bind("y", "yes"), No: bind("n", "no", "n", "N"), Accept: bind("enter", "accept"), Cancel: bind("esc", "cancel")}
}

// Focus is the key that focuses a pane: its number, from 1.
func Focus(pane int, name string) key.Binding { return bind(strconv.Itoa(pane+1), name) }

// ReadOnly disables the keys of everything that changes the stack or its data: they are neither obeyed nor shown.
func (m *Map) ReadOnly() {
	g, s, r := &m.Global, &m.Services, &m.Browser
	for _, b := range []*key.Binding{&g.Up, &g.Down, &g.Reset, &g.UndoReset, &s.Restart, &s.Stop, &s.Start, &s.More, &s.Fewer, &s.Shell, &r.Delete, &r.Undo} {
		b.SetEnabled(false)
	}
}

// Matches reports whether a key press is one of the bindings.
func Matches(msg tea.KeyPressMsg, bindings ...key.Binding) bool { return key.Matches(msg, bindings...) }
