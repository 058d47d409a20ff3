package logpane

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
)

// field is a line of text that is being typed.
type field struct {
	text []rune
	at   int // the rune before which is typed
}

// maxTyped bounds what is typed or pasted.
const maxTyped = 512

func fieldOf(text string) field {
	f := field{text: []rune(text)}
	f.at = len(f.text)
	return f
}

func (f *field) value() string { return string(f.text) }

func (f *field) insert(text string) {
	typed := []rune(draw.Plain(termtext.Safe(text)))
	typed = typed[:min(len(typed), max(maxTyped-len(f.text), 0))]
	f.text = slices.Insert(f.text, f.at, typed...)
	f.at += len(typed)
}

func (f *field) press(m tea.KeyPressMsg) {
	switch m.String() {
	case "left", "ctrl+b":
		f.at = max(f.at-1, 0)
	case "right", "ctrl+f":
		f.at = min(f.at+1, len(f.text))
	case "home", "ctrl+a":
		f.at = 0
	case "end", "ctrl+e":
		f.at = len(f.text)
	case "backspace", "ctrl+h":
		f.remove(f.at-1, f.at)
	case "delete", "ctrl+d":
		f.remove(f.at, f.at+1)
	case "ctrl+u":
		f.remove(0, f.at)
	case "ctrl+k":
		f.remove(f.at, len(f.text))
	case "ctrl+w":
		from := f.at
		for from > 0 && f.text[from-1] == ' ' {
			from--
		}
		for from > 0 && f.text[from-1] != ' ' {
			from--
		}
		f.remove(from, f.at)
	default:
		if m.Text != "" {
			f.insert(m.Text)
		}
	}
}

// remove takes out the runes of [from, to).
func (f *field) remove(from, to int) {
	from, to = max(from, 0), min(to, len(f.text))
	if from >= to {
		return
	}
	f.text = append(f.text[:from:from], f.text[to:]...)
	if f.at >= to {
		f.at -= to - from
	} else {
		f.at = min(f.at, from)
	}
}

// view returns the part around the place of typing that fits into width cells, and the cell of that place.
func (f *field) view(width int) (text string, cell int) {
	before := string(f.text[:f.at])
	for from := 0; ; from++ {
		if cell = draw.Width(before); cell < width || from >= f.at {
			return draw.First(before+string(f.text[f.at:]), width), min(cell, max(width-1, 0))
		}
		before = string(f.text[from+1 : f.at])
	}
}
