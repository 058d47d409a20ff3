package tui

import tea "charm.land/bubbletea/v2"

// watchSignals has nothing to do: a process of this system is not stopped and continued by signals.
func watchSignals(*tea.Program) (stop func()) { return func() {} }
