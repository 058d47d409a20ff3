// Package field is a line in which text is typed: it is edited by bubbles' textinput, and drawn by cells.
package field

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
)

// Field is such a line. Window or Marked draw it: textinput's own View and Cursor take a wide character for one cell.
type Field struct{ textinput.Model }

// New makes a field that holds text; at most limit characters are typed into it.
func New(text string, limit int) Field {
	f := Field{textinput.New()}
	f.CharLimit = limit
	f.KeyMap.Paste.SetEnabled(false) // it is the clipboard of the machine that this runs on, not of the one the user sits at: the terminal pastes
	f.SetVirtualCursor(false)        // the terminal's needs no timer to blink
	f.Focus()
	f.SetValue(text)
	f.CursorEnd()
	return f
}

// Edit takes a key or a paste as it is.
func (f *Field) Edit(msg tea.Msg) {
	if press, ok := msg.(tea.KeyPressMsg); ok && key.Matches(press, f.KeyMap.DeleteWordForward) {
		f.removeWord()
		return
	}
	f.Model, _ = f.Update(msg) // without paste and cursor of its own it has no commands
}

// removeWord is textinput's DeleteWordForward, which panics on the last character (bubbles issue 1056).
func (f *Field) removeWord() {
	from := f.Position()
	f.Model, _ = f.Update(tea.KeyPressMsg{Code: 'f', Mod: tea.ModAlt})
	text, to := []rune(f.Value()), f.Position()
	f.SetValue(string(text[:from]) + string(text[to:]))
	f.SetCursor(from)
}

// Type takes a key or a paste as one line of text that is fit for a terminal, and reports whether the text has changed.
func (f *Field) Type(msg tea.Msg) (changed bool) {
	before := f.Value()
	switch m := msg.(type) {
	case tea.KeyPressMsg:
		m.Text = draw.Safe(m.Text)
		msg = m
	case tea.PasteMsg:
		m.Content = draw.Safe(strings.Join(strings.Fields(m.Content), " "))
		msg = m
	}
	f.Edit(msg)
	return f.Value() != before
}

// runesInCell is how many code points a cell may hold; a longer line is not measured from its beginning.
const runesInCell = 10

// Window is the part around the cursor that fits into width cells, and the cursor's cell in it.
func (f *Field) Window(width int) (text string, cursor int) {
	runes, at := []rune(f.Value()), f.Position()
	width = max(width, 1)
	for first := max(at-runesInCell*width, 0); ; first++ {
		cursor = draw.Width(draw.Safe(string(runes[first:at])))
		if cursor < width || first >= at {
			text = draw.Safe(string(runes[first:]))
			_, end, _ := draw.Window(text, 0, width)
			return text[:end], min(cursor, width-1)
		}
	}
}

// Marked is the text with a mark at the cursor, for places where the terminal's own cursor does not stand.
func (f *Field) Marked() string {
	runes, at := []rune(f.Value()), f.Position()
	return string(runes[:at]) + "▏" + string(runes[at:])
}
