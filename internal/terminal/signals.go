package terminal

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Signalled is why a context ended: this process got a signal.
type Signalled struct{ syscall.Signal }

func (s Signalled) Error() string { return s.String() + " received" }
func (s Signalled) Unwrap() error { return context.Canceled }

// signalBase is what shells add to a signal's number.
const signalBase = 128

// ExitCode is what shells report of a program that the signal ended.
func (s Signalled) ExitCode() int { return signalBase + int(s.Signal) }

// UntilSignal ends the context when one of the signals comes. A second one ends the process at once.
func UntilSignal(parent context.Context, signals ...os.Signal) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	got := make(chan os.Signal, 1)
	signal.Notify(got, signals...)
	go func() { // ends with ctx
		select {
		case s := <-got:
			number, _ := s.(syscall.Signal) // each is one
			cancel(Signalled{number})
		case <-ctx.Done():
		}
		signal.Stop(got)
	}()
	return ctx, func() { cancel(nil) }
}

// CauseOf returns the signal that ended the context instead of the error by which that shows.
func CauseOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) && errors.As(cause, new(Signalled)) {
		return cause
	}
	return err
}

// patienceOfSignals is how many signals a program may answer in its own way: the next one kills it.
const patienceOfSignals = 2

// PassSignals hands the signals that this process gets to a program in a container, by their names, until stop is called: what they
// mean, and the exit code, is the program's affair. One that does not end is killed by a third one.
func PassSignals(send func(signal string)) (stop func()) {
	names := map[os.Signal]string{os.Interrupt: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP", syscall.SIGQUIT: "SIGQUIT"}
	got := make(chan os.Signal, 8)
	for s := range names {
		signal.Notify(got, s)
	}
	done := make(chan struct{})
	var passing sync.WaitGroup
	passing.Go(func() {
		for n := 0; ; n++ {
			select {
			case s := <-got:
				name := names[s]
				if n >= patienceOfSignals {
					name = "SIGKILL"
				}
				send(name)
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(got)
		close(done)
		passing.Wait()
	}
}
