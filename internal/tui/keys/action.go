package keys

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// Action is a key and what it does.
type Action struct {
	Key key.Binding
	Run func() tea.Cmd
}

// Do is an action that needs no command.
func Do(k key.Binding, act func()) Action {
	return Action{k, func() tea.Cmd { act(); return nil }}
}

// Press carries out the action of a key; ok is false if the key has none.
func Press(msg tea.KeyPressMsg, actions []Action) (cmd tea.Cmd, ok bool) {
	for _, a := range actions {
		if key.Matches(msg, a.Key) {
			return a.Run(), true
		}
	}
	return nil, false
}

// Wheel is the direction in which the wheel was turned: -1 is up, 1 down.
func Wheel(msg tea.MouseWheelMsg) int {
	switch msg.Button {
	case tea.MouseWheelUp:
		return -1
	case tea.MouseWheelDown:
		return 1
	}
	return 0
}

// Of returns the keys of actions, for the help.
func Of(actions []Action) []key.Binding {
	bindings := make([]key.Binding, 0, len(actions))
	for _, a := range actions {
		bindings = append(bindings, a.Key)
	}
	return bindings
}
