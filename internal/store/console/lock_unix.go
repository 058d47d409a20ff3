//go:build unix

package console

import (
	"os"
	"syscall"
	"time"
)

// lockLimit bounds the wait for a lock: a process that was stopped may hold it for good.
const lockLimit = 100 * time.Millisecond

// lock locks a file until it is closed: alone, at once or not at all, or beside others, after those that have it alone.
func lock(f *os.File, alone bool) bool {
	how := syscall.LOCK_SH | syscall.LOCK_NB
	if alone {
		how = syscall.LOCK_EX | syscall.LOCK_NB
	}
	if try(f, how) {
		return true
	}
	if alone {
		return false
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(lockLimit)
	for time.Now().Before(deadline) {
		<-tick.C
		if try(f, how) {
			return true
		}
	}
	return false
}

func try(f *os.File, how int) bool {
	return syscall.Flock(int(f.Fd()), how) == nil
}
