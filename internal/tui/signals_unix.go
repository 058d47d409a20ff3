//go:build unix

package tui

import (
	"os"
	"os/signal"
	"syscall"

	tea "charm.land/bubbletea/v2"
)

// watchSignals handles what bubbletea does not: after a SIGSTOP from outside other programs may have used the terminal, so SIGCONT sets
// it up again. SIGINT, SIGTERM and SIGHUP end the context of the whole command; ctrl+z and an exec are bubbletea's own.
func watchSignals(p *tea.Program) (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGCONT)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-signals:
				p.Send(resumedMsg{})
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		<-ended
	}
}
