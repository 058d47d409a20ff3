package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

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
