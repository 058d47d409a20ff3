package console

import (
	"context"
	"errors"
	"time"

	"stackctl.dev/stackctl/internal/store"
)

// keysLimit bounds the look for keys: a person types meanwhile, and Redis serves others.
const keysLimit = 50 * time.Millisecond

// Keys lists keys that match a glob pattern with type, time to live and size, at most limit of them, as far as they are found within 50 ms once
// the connection stands. complete tells whether these are all. Unlike the rest of a Session it may be called at any time.
func (s *Session) Keys(ctx context.Context, pattern string, limit int) (keys []store.KeyInfo, complete bool, err error) {
	client := s.aux()
	if err := client.Ping(ctx); err != nil { // the way there may take longer than the look
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

// Prefix makes a glob pattern of what keys begin with.
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
