package certs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gofrs/flock"
)

// lockEvery is how often a tier that waits for another one tries again.
const lockEvery = 500 * time.Millisecond

// lock waits until no other process keeps the folder: during a replacement there may be two for a moment. It ends with the process.
func (f *folder) lock(ctx context.Context, log *slog.Logger) (unlock func(), err error) {
	l := flock.New(f.path(privateDir, "lock"), flock.SetPermissions(privateMode))
	got, err := l.TryLock()
	if err == nil && !got {
		log.Warn("waiting for another certs tier", "dir", f.dir)
		_, err = l.TryLockContext(ctx, lockEvery)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("locking the folder of the certificate %q: %w", f.dir, err)
	}
	return func() { _ = l.Close() }, nil
}
