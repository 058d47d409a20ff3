// Package lock keeps two runs on one machine from changing a project at the same time.
package lock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockLimit bounds the wait for another stackctl that changes the same project.
const lockLimit = 5 * time.Minute

// Acquire keeps two runs on this machine from changing one project of one engine at the same time. It is a lock of the
// operating system, which ends with the process however that ends. Runs on other machines are told apart by the
// engine, whose names are unique: see isRace.
//
// When another run holds the lock, onWait is called once and Lock waits, at most lockLimit.
func Acquire(ctx context.Context, address, project string, onWait func()) (unlock func(), err error) {
	dir, err := lockFolder()
	if err != nil {
		return nil, fmt.Errorf("locking project %q: %w", project, err)
	}
	sum := sha256.Sum256([]byte(address))
	path := filepath.Join(dir, project+"-"+hex.EncodeToString(sum[:4])+".lock")
	if err := plainFile(path); err != nil {
		return nil, fmt.Errorf("locking project %q: %w", project, err)
	}
	lock := flock.New(path)
	unlock = func() { _ = lock.Unlock() }
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking project %q: %w", project, err)
	}
	if got {
		return unlock, nil
	}
	onWait()
	limited, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	_, err = lock.TryLockContext(limited, 50*time.Millisecond)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("locking project %q: another stackctl has been changing it for %s; wait for it or end it", project, lockLimit)
	case err != nil:
		return nil, fmt.Errorf("locking project %q: %w", project, err)
	}
	return unlock, nil
}
