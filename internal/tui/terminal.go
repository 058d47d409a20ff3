package tui

import (
	"io"
	"os/exec"
	"time"

	tea "charm.land/bubbletea/v2"
)

// lend gives the terminal to a command and takes it back. Without a command it only sets the terminal up again.
func lend(command *exec.Cmd, over func(error) tea.Msg) tea.Cmd {
	return tea.Exec(borrower{command}, over)
}

// leastLent is how long the terminal is lent at least: bubbletea's drawing, told to stop, may stop only after it has begun
// again, and then stands still for good (bubbletea issue 1778). On a busy machine a tenth of a second was not enough.
const leastLent = 250 * time.Millisecond

type borrower struct{ command *exec.Cmd }

func (b borrower) Run() error {
	least := time.NewTimer(leastLent)
	defer func() { <-least.C }()
	if b.command == nil {
		return nil
	}
	return b.command.Run()
}

func (b borrower) SetStdin(r io.Reader) {
	if b.command != nil {
		b.command.Stdin = r
	}
}

func (b borrower) SetStdout(w io.Writer) {
	if b.command != nil {
		b.command.Stdout = w
	}
}

func (b borrower) SetStderr(w io.Writer) {
	if b.command != nil {
		b.command.Stderr = w
	}
}
