package visits

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// Key holds the number of visits as a decimal string, as INCR would.
	Key = "visits"
	// batchesKey is a hash: for each process that counts, the number of its last batch and the counter after it, as
	// "NUMBER LAST". The braces put it into the hash slot of Key.
	batchesKey = "{" + Key + "}:batches"
	// remembered is how long the hash lives after the first process has registered in it. Processes that are gone go
	// with it, and those still there register again. A batch is tried for a fraction of it.
	remembered = time.Hour
)

// Numbers of visits pass as strings: Lua's are doubles, exact only up to 2^53.
var (
	registerScript = redis.NewScript(`
redis.call('HSET', KEYS[1], ARGV[1], '0 0')
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end`)

	// INCRBY is the first to change anything, and nothing that follows can fail: it is all or nothing.
	bookScript = redis.NewScript(`
local known = redis.call('HGET', KEYS[2], ARGV[1])
if not known then return false end
local number, last = string.match(known, '^(%d+) (%-?%d+)$')
if number == ARGV[2] then return last end
if tonumber(number) > tonumber(ARGV[2]) then return false end
redis.call('INCRBY', KEYS[1], ARGV[3])
last = redis.call('GET', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. last)
return last`)
)

// keys are bookScript's.
var keys = []string{Key, batchesKey}

// register uses a new name each time: a try whose answer was lost, or that comes late, is nobody's.
func (s *Store) register(ctx context.Context) (string, error) {
	process := rand.Text()
	// EVAL, not EVALSHA: once an hour, one round trip.
	err := registerScript.Eval(ctx, s.client, []string{batchesKey}, process, int(remembered.Seconds())).Err()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	s.note(ctx, err)
	if err != nil {
		return "", fmt.Errorf("registering in %q: %w", batchesKey, err)
	}
	return process, nil
}

func (s *Store) book(ctx context.Context, b batch) (int64, error) {
	text, err := bookScript.Run(ctx, s.client, keys,
		b.process, strconv.FormatInt(b.number, 10), strconv.FormatInt(b.visits, 10)).Text()
	if errors.Is(err, redis.Nil) {
		s.note(ctx, nil)
		return 0, errForgotten
	}
	var last int64
	if err == nil {
		last, err = strconv.ParseInt(text, 10, 64)
	}
	if notANumber(err) {
		s.note(ctx, nil) // Redis answered
		return 0, fmt.Errorf("incrementing %q: %w: %w", Key, ErrNotANumber, err)
	}
	s.note(ctx, err)
	switch {
	case err == nil:
		return last, nil
	case refused(err):
		return 0, fmt.Errorf("incrementing %q: %w: %w", Key, errNotBooked, err)
	default:
		return 0, fmt.Errorf("incrementing %q: %w", Key, err)
	}
}

// refused says that a command did not run: Redis said so, or never got it.
func refused(err error) bool {
	var reply redis.Error
	var gone noConnection
	return errors.As(err, &reply) || errors.As(err, &gone) || errors.Is(err, redis.ErrPoolTimeout)
}

// notANumber says whether Redis answered that the key cannot be incremented: it holds a list or
// the like, text, or the largest number there is.
func notANumber(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	text := reply.Error()
	return strings.Contains(text, "WRONGTYPE") ||
		strings.Contains(text, "not an integer") || strings.Contains(text, "would overflow")
}
