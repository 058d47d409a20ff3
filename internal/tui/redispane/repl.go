package redispane

import (
	"context"
	"io"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

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
	_, err := tea.NewProgram(model, tea.WithContext(inner), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler()).Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// repl is the program around a line.
type repl struct {
	line          *line
	themes        theme.Set
	theme         *theme.Theme
	width, height int
	cursorY       int // of the last frame
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
		if r.ends(msg) {
			r.done = true
			return r, tea.Quit
		}
		if keys.Matches(msg, r.line.keys.Redis.Clear) {
			r.line.menu.close()
			return r, r.clear()
		}
	case leaveMsg:
		r.done = true
		return r, tea.Quit
	case clearMsg:
		return r, r.clear()
	}
	cmd := r.line.update(msg)
	cmd = tea.Batch(cmd, r.line.tick())
	if printed := r.line.taken(); len(printed) > 0 {
		lines := strings.Join(render(r.theme, printed, max(r.width, 20)), "\n")
		return r, tea.Sequence(tea.Println(lines), cmd)
	}
	return r, cmd
}

// clear empties the screen and has the prompt drawn at its top. bubbletea knows only how far its frame's rows are from each other, not where
// they are, so the cursor goes to where it is in the frame, counted from the top.
func (r *repl) clear() tea.Cmd {
	return tea.Sequence(tea.Raw(ansi.EraseEntireScreen+ansi.VerticalPositionAbsolute(r.cursorY+1)), tea.ClearScreen)
}

// ends reports whether a key ends the session: ctrl+d on an empty line.
func (r *repl) ends(msg tea.KeyPressMsg) bool {
	l := r.line
	return msg.String() == "ctrl+d" && l.input.Value() == "" && l.question == nil && l.work == nil && l.search == nil
}

func (r *repl) View() tea.View {
	if r.done || r.width == 0 {
		return tea.NewView("")
	}
	rows := r.line.view(r.theme, r.width, true)
	v := tea.NewView(draw.Rows(rows))
	if r.line.question == nil && r.line.work == nil {
		v.Cursor = tea.NewCursor(min(r.line.cursor(r.width), r.width-1), len(rows)-1)
		r.cursorY = len(rows) - 1
	}
	return v
}
