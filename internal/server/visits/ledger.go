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
	"stackctl.dev/stackctl/internal/server/journal"
)

const (
	// Key holds the number of visits as a decimal string, as INCR writes it.
	Key = "visits"
	// batchesKey is a hash: for each process, the number of its last batch and the counter after it, as "NUMBER LAST". The
	// braces give it the hash slot of Key.
	batchesKey = "{" + Key + "}:batches"
	// probeKey never exists.
	probeKey = "{" + Key + "}:probe"
	// batchesTTL is how long the hash lives after the first process has registered in it: that removes processes that have ended;
	// the others register again. A batch is retried for a fraction of it.
	batchesTTL = time.Hour
)

// The scripts keep numbers as strings: Lua's are doubles, exact only up to 2^53.
var (
	// A value of another type under our hash's name is useless and is removed.
	registerScript = redis.NewScript(`
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], '0 0')
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end`)

	// If the entry is not what an earlier call wrote, the process must register again. INCRBY is the first command that changes
	// anything, and the commands after it cannot fail, so the script is all or nothing.
	//
	// While there is a history, the same step records in it how many visits the minute has.
	bookScript = redis.NewScript(journal.Lua + `
local known = redis.pcall('HGET', KEYS[2], ARGV[1])
if type(known) ~= 'string' then return false end
local number, last = string.match(known, '^(%d+) (%-?%d+)$')
if not number then return false end
if number == ARGV[2] then return last end
if tonumber(number) > tonumber(ARGV[2]) then return false end
local history = newest()
if history then changed(history, redis.call('GET', KEYS[1]) or '0') end
redis.call('INCRBY', KEYS[1], ARGV[3])
last = redis.call('GET', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. last)
if history then booked(history, tonumber(ARGV[3]), last) end
return last`)
)

// bookKeys are the keys of bookScript.
var bookKeys = []string{Key, batchesKey}

// register uses a new name each time: an attempt whose reply was lost, or that arrives late, leaves an unused entry.
func (s *Store) register(ctx context.Context) (string, error) {
	process := rand.Text()
	// EVAL, not EVALSHA: once an hour, one round trip.
	err := registerScript.Eval(ctx, s.client, []string{batchesKey}, process, int(batchesTTL.Seconds())).Err()
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
	text, err := bookScript.Run(ctx, s.client, bookKeys,
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
			return 0, errForgotten // another program wrote it
		}
		return last, nil
	case notRun(err):
		return 0, fmt.Errorf("incrementing %q: %w: %w", Key, errNotBooked, fault.Explain(err))
	default:
		return 0, fmt.Errorf("incrementing %q: %w", Key, err)
	}
}

// notRun reports whether a command did not run: Redis refused it or never got it.
func notRun(err error) bool {
	var reply redis.Error
	var gone noConnection
	return errors.As(err, &reply) || errors.As(err, &gone) || errors.Is(err, redis.ErrPoolTimeout)
}
