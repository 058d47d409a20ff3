package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signalled is why a context ended: this process got a signal.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return s.String() + " received" }
func (s signalled) Unwrap() error { return context.Canceled }

// exitCode is what shells report of a program that the signal ended.
func (s signalled) exitCode() int { return exitSignalled + int(s.Signal) }

// untilSignal ends the context when one of the signals comes. A second one ends the process at once.
func untilSignal(parent context.Context, signals ...os.Signal) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	got := make(chan os.Signal, 1)
	signal.Notify(got, signals...)
	go func() { // ends with ctx
		select {
		case s := <-got:
			number, _ := s.(syscall.Signal) // each is one
			cancel(signalled{number})
		case <-ctx.Done():
		}
		signal.Stop(got)
	}()
	return ctx, func() { cancel(nil) }
}

// causeOf returns the signal that ended the context instead of the error by which that shows.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) && errors.As(cause, new(signalled)) {
		return cause
	}
	return err
}

// patienceOfSignals is how many signals a program may answer in its own way: the next one kills it.
const patienceOfSignals = 2

// passSignals hands the signals that this process gets to a program in a container, by their names, until stop is called: what they
// mean, and the exit code, is the program's affair. One that does not end is killed by a third one.
func passSignals(send func(signal string)) (stop func()) {
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
