package tui

import (
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
	// operatedMsg ends an operation on one container; told is what it reported to the user while it ran.
	operatedMsg struct {
		what string
		told []string
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
	// noticeOverMsg removes a notice, if it is still the one shown.
	noticeOverMsg int
	// resumedMsg comes with SIGCONT: another program may have changed the screen and the modes of the terminal.
	resumedMsg struct{}
)

// noticeFor is how long a notice stays.
const noticeFor = 6 * time.Second

func say(level notice.Level, text string) tea.Cmd { return notice.Say(level, text) }
