package tui

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

// counting shows how many messages it got after the terminal came back.
type counting struct {
	command *exec.Cmd
	n       int
}

type backMsg struct{}

func (c counting) Init() tea.Cmd {
	return lend(c.command, func(error) tea.Msg { return backMsg{} })
}

func (c counting) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if _, ok := msg.(backMsg); ok {
		if c.n++; c.n == 20 {
			return c, tea.Quit
		}
		return c, tea.Tick(20*time.Millisecond, func(time.Time) tea.Msg { return backMsg{} })
	}
	return c, nil
}

func (c counting) View() tea.View { return tea.NewView(fmt.Sprintf("count %d.", c.n)) }

// TestTheTerminalComesBack lends the terminal to what ends at once, on a busy machine: what changes after that is drawn.
func TestTheTerminalComesBack(t *testing.T) {
	for name, command := range map[string]func() *exec.Cmd{
		"nothing":                func() *exec.Cmd { return nil },
		"a command that is gone": func() *exec.Cmd { return exec.Command("/nonexistent") },
	} {
		t.Run(name, func(t *testing.T) {
			var group sync.WaitGroup
			for range 100 {
				group.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					var out bytes.Buffer
					_, err := tea.NewProgram(counting{command: command()}, tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(&out), tea.WithWindowSize(80, 24), tea.WithEnvironment([]string{"TERM=dumb"})).Run()
					if err != nil {
						t.Errorf("running the program: %v", err)
					}
					// A frame that is the first one is drawn whole, and the last one is drawn at the end in any case.
					if strings.Contains(out.String(), "count 20.") {
						t.Errorf("nothing was drawn after the terminal came back: %q", out.String())
					}
				})
			}
			group.Wait()
		})
	}
}
