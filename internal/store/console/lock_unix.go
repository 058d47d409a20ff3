//go:build unix

package console

import (
	"os"
	"syscall"
	"time"
)

// lockLimit bounds the wait for a lock: a suspended process may hold it for any time.
const lockLimit = 100 * time.Millisecond

// lock locks a file until it is closed, and reports whether it did. It tries once for an exclusive lock, and waits for a shared one.
func lock(f *os.File, exclusive bool) bool {
	how := syscall.LOCK_SH | syscall.LOCK_NB
	if exclusive {
		how = syscall.LOCK_EX | syscall.LOCK_NB
	}
	if tryLock(f, how) {
		return true
	}
	if exclusive {
		return false
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(lockLimit)
	for time.Now().Before(deadline) {
		<-tick.C
		if tryLock(f, how) {
			return true
		}
	}
	return false
}

func tryLock(f *os.File, how int) bool {
	return syscall.Flock(int(f.Fd()), how) == nil
}
