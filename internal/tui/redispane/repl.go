package redispane

import (
	"context"
	"errors"
	"io"
	"strings"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// RunREPL is the console on a terminal without the dashboard: replies stay in the terminal's own scrollback. exit, quit, or ctrl+d on an empty line
// end it.
func RunREPL(ctx context.Context, in io.Reader, out io.Writer, themes theme.Set, o Options) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	model := &repl{line: newLine(inner, keys.Default(), o), themes: themes, theme: themes.Dark}
	_, err := tea.NewProgram(model, tea.WithContext(inner), tea.WithInput(in), tea.WithOutput(out)).Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}

// repl is the program around a line.
type repl struct {
	line          *line
	themes        theme.Set
	theme         *theme.Theme
	width, height int
	done          bool
}

func (r *repl) Init() tea.Cmd { return tea.Batch(tea.RequestBackgroundColor, r.line.load()) }

func (r *repl) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		r.width, r.height = msg.Width, msg.Height
		return r, nil
	case tea.BackgroundColorMsg:
		r.theme = r.themes.For(msg.IsDark())
		return r, nil
	case tea.KeyPressMsg:
		if r.leaves(msg) {
			r.done = true
			return r, tea.Quit
		}
		if keys.Matches(msg, r.line.keys.Redis.Clear) {
			return r, tea.ClearScreen
		}
	}
	cmd := r.line.update(msg)
	if printed := r.line.taken(); len(printed) > 0 {
		lines := strings.Join(render(r.theme, printed, max(r.width, 20)), "\n")
		return r, tea.Sequence(tea.Println(lines), cmd)
	}
	return r, cmd
}

// leaves reports whether a key ends the session: ctrl+d, or enter after exit or quit.
func (r *repl) leaves(msg tea.KeyPressMsg) bool {
	text := strings.ToLower(strings.TrimSpace(r.line.input.Value()))
	idle := r.line.question == nil && r.line.work == nil && r.line.search == nil
	switch {
	case !idle:
		return false
	case msg.String() == "ctrl+d":
		return text == ""
	case keys.Matches(msg, r.line.keys.Redis.Submit):
		return text == "exit" || text == "quit"
	}
	return false
}

func (r *repl) View() tea.View {
	if r.done || r.width == 0 {
		return tea.NewView("")
	}
	rows := r.line.view(r.theme, r.width, true)
	v := tea.NewView(draw.Rows(rows))
	if r.line.question == nil && r.line.work == nil && r.line.search == nil {
		_, cell := r.line.window(r.width)
		v.Cursor = tea.NewCursor(min(draw.Width(r.line.prompt)+cell, r.width-1), len(rows)-1)
	}
	return v
}
