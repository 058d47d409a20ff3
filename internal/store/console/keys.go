package console

import (
	"context"
	"errors"
	"time"

	"stackctl.dev/stackctl/internal/store"
)

// keysLimit bounds a scan for keys, during which a person types and Redis serves other clients.
const keysLimit = 50 * time.Millisecond

// Keys lists keys that match a glob pattern with type, time to live and size: at most limit of them, found within 50 ms on an open
// connection. complete reports whether these are all. Unlike other methods of a Session it does not wait for the current command.
func (s *Session) Keys(ctx context.Context, pattern string, limit int) (keys []store.KeyInfo, complete bool, err error) {
	client := s.side()
	if err := client.Ping(ctx); err != nil { // connecting may take longer than the scan
		return nil, false, err
	}
	scan, cancel := context.WithTimeout(ctx, keysLimit)
	defer cancel()
	names, complete, err := client.Keys(scan, pattern, limit)
	if err != nil && (len(names) == 0 || !errors.Is(err, context.DeadlineExceeded)) {
		return nil, false, err
	}
	keys, err = client.KeyInfos(ctx, names)
	return keys, complete, err
}

// Prefix returns a glob pattern that matches the keys that begin with text.
func Prefix(text string) string {
	escaped := make([]byte, 0, len(text)+1)
	for i := range len(text) {
		switch text[i] {
		case '*', '?', '[', ']', '\\', '^':
			escaped = append(escaped, '\\')
		}
		escaped = append(escaped, text[i])
	}
	return string(append(escaped, '*'))
}
