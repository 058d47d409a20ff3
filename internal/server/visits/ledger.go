package visits

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/fault"
)

const (
	// Key holds the number of visits as a decimal string, as INCR would.
	Key = "visits"
	// batchesKey is a hash: for each process that counts, the number of its last batch and the counter after it, as
	// "NUMBER LAST". The braces put it into the hash slot of Key.
	batchesKey = "{" + Key + "}:batches"
	// probeKey never exists.
	probeKey = "{" + Key + "}:probe"
	// remembered is how long the hash lives after the first process has registered in it. Processes that are gone go
	// with it, and those still there register again. A batch is tried for a fraction of it.
	remembered = time.Hour
)

// Numbers of visits pass as strings: Lua's are doubles, exact only up to 2^53.
var (
	// What is no hash under the name of ours is nothing that anybody needs.
	registerScript = redis.NewScript(`
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], '0 0')
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end`)

	// Whatever is not what an earlier call wrote is as good as forgotten: the process registers again.
	// INCRBY is the first to change anything, and nothing that follows can fail: it is all or nothing.
	bookScript = redis.NewScript(`
local known = redis.pcall('HGET', KEYS[2], ARGV[1])
if type(known) ~= 'string' then return false end
local number, last = string.match(known, '^(%d+) (%-?%d+)$')
if not number then return false end
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
	s.noteWrite(ctx, err)
	if err != nil {
		return "", fmt.Errorf("registering in %q: %w", batchesKey, fault.Explain(err))
	}
	return process, nil
}

func (s *Store) book(ctx context.Context, b batch) (int64, error) {
	text, err := bookScript.Run(ctx, s.client, keys,
		b.process, strconv.FormatInt(b.number, 10), strconv.FormatInt(b.visits, 10)).Text()
	if errors.Is(err, redis.Nil) {
		s.noteWrite(ctx, nil)
		return 0, errForgotten
	}
	s.noteWrite(ctx, err)
	switch {
	case err == nil:
		last, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, errForgotten // somebody else wrote it
		}
		return last, nil
	case refused(err):
		return 0, fmt.Errorf("incrementing %q: %w: %w", Key, errNotBooked, fault.Explain(err))
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
