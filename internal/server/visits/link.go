package visits

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/fault"
)

// link tracks whether Redis answers and counts, and logs changes once, not for every request.
type link struct {
	log   *slog.Logger
	state atomic.Int32                // 0 until the first reply or error
	fault atomic.Pointer[fault.Fault] // why Redis answers but cannot count
}

const (
	linkUp int32 = iota + 1
	linkAway
)

func (l *link) note(err error) {
	state := linkUp
	if err != nil && fault.Of(err) == nil {
		state = linkAway
	}
	// Usually nothing has changed, and a load, unlike a swap, does not write to memory that all requests share.
	if l.state.Load() == state {
		return
	}
	switch before := l.state.Swap(state); {
	case before == state: // another request was first
	case state == linkAway:
		l.log.Warn("redis is away", "error", err.Error())
	case before == linkAway:
		l.log.Info("redis is back")
	default:
		l.log.Info("redis answers")
	}
}

// noteFault logs when a fault that keeps Redis from counting begins, changes or ends. A lasting fault is also logged for each visit.
func (l *link) noteFault(f *fault.Fault) {
	if l.fault.Load() == f {
		return
	}
	switch before := l.fault.Swap(f); {
	case before == f: // another request was first
	case f != nil:
		l.log.Warn("redis does not count", "error", f.State, "fix", f.Fix)
	default:
		l.log.Info("redis counts again")
	}
}

// Reason returns in a few words why Redis is not ready. It is for responses, so it has no
// addresses and keys; those are in the log.
func Reason(err error) string {
	var reply redis.Error
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &reply):
		code, _, _ := strings.Cut(reply.Error(), " ")
		return "answered " + code
	case errors.As(err, &dns):
		return "name not found"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection lost"
	}
	return "not reachable"
}

// redisLogger writes go-redis's messages to the log, at debug level: commands return the same errors.
type redisLogger struct{ log *slog.Logger }

func (l redisLogger) Printf(ctx context.Context, format string, v ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "redis client", "text", fmt.Sprintf(format, v...))
	}
}
