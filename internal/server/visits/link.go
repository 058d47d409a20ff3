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

// link is whether Redis answers, and logs when that changes: once, not for every request.
type link struct {
	log   *slog.Logger
	state atomic.Int32                // 0 until the first answer or error
	fault atomic.Pointer[fault.Fault] // why it cannot count, though it answers
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
	// The plain load keeps the usual case, no change, from writing to memory all requests share.
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

// noteFault logs when what keeps Redis from counting begins, changes or ends. A fault that lasts is logged with each visit.
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

// Reason says in a few words why Redis is not ready. It goes into a response, so it
// names neither addresses nor keys; those are in the log.
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
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection lost"
	}
	return "not reachable"
}

// redisLogger takes go-redis's own lines into the log. What matters in them is also in the
// errors of the commands, so they are for debugging only.
type redisLogger struct{ log *slog.Logger }

func (l redisLogger) Printf(ctx context.Context, format string, v ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "redis client", "text", fmt.Sprintf(format, v...))
	}
}
