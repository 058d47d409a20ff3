// Package notice carries short messages from the panes to the status line.
package notice

import tea "charm.land/bubbletea/v2"

// Level says how a notice is marked.
type Level uint8

// The levels, by how much they matter.
const (
	Info Level = iota
	Warn
	Bad
)

// Msg is shown in the status line for a few seconds. Text is one line of safe text.
type Msg struct {
	Level Level
	Text  string
}

// Say returns a command that shows text.
func Say(level Level, text string) tea.Cmd {
	return func() tea.Msg { return Msg{Level: level, Text: text} }
}
