package tui

import (
	"io"
	"os/exec"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/notice"
)

// What the producers and commands tell the model. The panes' packages have messages of their own.
type (
	stateMsg   watch.State
	eventMsg   watch.Event
	detailsMsg struct {
		details watch.Details
		err     error
	}
	// confirmedMsg is the yes to a question: run is carried out.
	confirmedMsg struct{ run func(*Model) tea.Cmd }
	// resetMsg ends a reset of the counter, or the undo of one.
	resetMsg struct {
		from, to int64
		undo     bool
		err      error
	}
	// operatedMsg ends an operation on one container.
	operatedMsg struct {
		what string
		err  error
	}
	// shellMsg is the command that opens a shell in a container, or why there is none.
	shellMsg struct {
		container string
		command   *exec.Cmd
		err       error
	}
	// crashedMsg is a panic of a producer: the program ends, the terminal is restored, and then it is reported.
	crashedMsg struct {
		cause any
		stack []byte
	}
	// noticeOverMsg takes down a notice, if it is still the one that was put up.
	noticeOverMsg int
	// resumedMsg comes with SIGCONT: what the terminal shows, and its modes, may be another program's now.
	resumedMsg struct{}
)

// noticeFor is how long a notice stays.
const noticeFor = 6 * time.Second

func say(level notice.Level, text string) tea.Cmd { return notice.Say(level, text) }

// takeTerminal sets the terminal up again: releasing it and taking it back is what bubbletea does around another program.
func takeTerminal() tea.Cmd { return tea.Exec(nothing{}, func(error) tea.Msg { return nil }) }

// nothing is a program that ends at once.
type nothing struct{}

func (nothing) Run() error          { return nil }
func (nothing) SetStdin(io.Reader)  {}
func (nothing) SetStdout(io.Writer) {}
func (nothing) SetStderr(io.Writer) {}
