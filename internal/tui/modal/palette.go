package modal

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/field"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// Command is one entry of the palette: a phrase such as "restart web-1", what it does, and the key that does it too.
type Command struct {
	Name, Description, Key string
	Run                    tea.Cmd
}

// Palette finds a command by typing a part of its name.
type Palette struct {
	keys     keys.Map
	commands []Command
	input    field.Field
	chosen   int
}

var _ Modal = (*Palette)(nil)

// NewPalette makes a palette of commands.
func NewPalette(k keys.Map, commands []Command) *Palette {
	return &Palette{keys: k, commands: commands, input: field.New("", maxText)}
}

// found are the commands that contain every typed word; those that begin with the text come first.
func (p *Palette) found() []Command {
	words := strings.Fields(strings.ToLower(p.input.Value()))
	var found []Command
	for _, c := range p.commands {
		text := strings.ToLower(c.Name + " " + c.Description)
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			found = append(found, c)
		}
	}
	prefix := strings.ToLower(p.input.Value())
	slices.SortStableFunc(found, func(a, b Command) int {
		return rank(b, prefix) - rank(a, prefix)
	})
	return found
}

func rank(c Command, prefix string) int {
	if strings.HasPrefix(c.Name, prefix) {
		return 1
	}
	return 0
}

// Update edits, chooses, completes with tab and carries out with enter.
func (p *Palette) Update(msg tea.Msg) (tea.Cmd, bool) {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		p.edit(msg)
	case tea.KeyPressMsg:
		return p.press(msg)
	}
	return nil, false
}

func (p *Palette) press(msg tea.KeyPressMsg) (tea.Cmd, bool) {
	found := p.found()
	switch {
	case keys.Matches(msg, p.keys.Prompt.Cancel):
		return nil, true
	case keys.Matches(msg, p.keys.Prompt.Accept):
		if p.chosen < len(found) {
			return found[p.chosen].Run, true
		}
	case keys.Matches(msg, p.keys.Redis.Complete):
		if p.chosen < len(found) {
			p.input.SetValue(found[p.chosen].Name)
			p.input.CursorEnd()
			p.chosen = 0
		}
	case msg.String() == "up", msg.String() == "ctrl+p":
		p.chosen = max(p.chosen-1, 0)
	case msg.String() == "down", msg.String() == "ctrl+n":
		p.chosen = min(p.chosen+1, max(len(found)-1, 0))
	default:
		p.edit(msg)
	}
	return nil, false
}

// maxText bounds what is typed or pasted into the palette.
const maxText = 200

func (p *Palette) edit(msg tea.Msg) {
	if p.input.Type(msg) {
		p.chosen = 0
	}
}

// Hints are its keys.
func (p *Palette) Hints() []key.Binding {
	return []key.Binding{p.keys.Prompt.Accept, p.keys.Redis.Complete, p.keys.Prompt.Cancel}
}

// View draws it.
func (p *Palette) View(t *theme.Theme, width, height int) string {
	width = min(width, 76)
	found := p.found()
	rows := max(min(height-4, 14), 1)
	lines := []string{t.Accent.Render(":") + t.Text.Render(p.input.Marked()), ""}
	lines = append(lines, draw.List(t, len(found), p.chosen, width-2, rows, func(i int) string {
		c := found[i]
		return draw.Left(c.Name, 24) + " " + draw.Left(c.Description, max(width-40, 0)) + " " + draw.Right(c.Key, 9)
	})...)
	if len(found) == 0 {
		lines = append(lines, t.Muted.Render("  no command matches"))
	}
	return draw.Box(t, draw.Frame{Title: "command", Footer: draw.Count(len(found)) + " commands", Focused: true}, lines, width, min(len(lines)+2, height))
}
