package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/fault"
)

// The keys of the visit counter.
const (
	// VisitsKey holds the number of visits since the last reset; the web tier increments it.
	VisitsKey = "visits"
	// UndoKey holds the number of visits that the last reset removed, until it is undone. The braces give it VisitsKey's hash slot.
	UndoKey = "{visits}:before-reset"
)

var (
	// ErrNothingToUndo says that there was no reset since the last undo.
	ErrNothingToUndo = errors.New("nothing to undo: the counter was not reset")
	// ErrAside says that the last reset removed something that is not a number, so that it cannot be added to the counter.
	ErrAside = errors.New("what the last reset removed is not a number; look at it with `stackctl redis GET " + UndoKey +
		"`, and remove it with `stackctl del " + UndoKey + "`")
)

// The scripts keep numbers as strings: Lua's are doubles, exact only up to 2^53. RENAME works for any type of value, and even if Redis
// is out of memory. INCRBY 0 makes Redis check that a value is a number before anything is changed.
var (
	resetScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local old = redis.pcall('GET', KEYS[1])
redis.call('RENAME', KEYS[1], KEYS[2])
if type(old) ~= 'string' then return '' end
return old`)

	undoScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[2]) == 0 then return false end
local check = redis.pcall('INCRBY', KEYS[2], 0)
if type(check) == 'table' then
  if string.find(check.err, 'integer') or string.find(check.err, 'WRONGTYPE') then return {'aside'} end
  return check
end
local old = redis.call('GET', KEYS[2])
local from = redis.call('GET', KEYS[1]) or '0'
redis.call('INCRBY', KEYS[1], old)
redis.call('DEL', KEYS[2])
return {from, redis.call('GET', KEYS[1])}`)
)

// Visits returns how many visits were counted, and whether the counter exists: the first visit creates it.
func (c *Client) Visits(ctx context.Context) (n int64, ok bool, err error) {
	s, err := c.rdb.Get(ctx, VisitsKey).Result()
	if errors.Is(err, redis.Nil) {
		return 0, false, nil
	}
	if err == nil {
		n, err = strconv.ParseInt(s, 10, 64)
	}
	if err != nil {
		return 0, false, counterError("reading", err)
	}
	return n, true, nil
}

// Reset removes the visit counter and keeps its value for [Client.Undo], in one atomic step. It returns the value, and whether the
// counter existed: without a counter nothing changes, so that a second reset by mistake loses nothing. Only the last reset can be
// undone.
//
// A counter that is not a number is removed as well, and returned as 0; its value is kept, but the reset cannot be undone.
func (c *Client) Reset(ctx context.Context) (old int64, existed bool, err error) {
	// EVAL, not EVALSHA, which would take a second round trip when Redis does not have the script.
	s, err := resetScript.Eval(ctx, c.rdb, []string{VisitsKey, UndoKey}).Text()
	if errors.Is(err, redis.Nil) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, counterError("resetting", err)
	}
	if old, err = strconv.ParseInt(s, 10, 64); err != nil {
		return 0, true, nil
	}
	return old, true, nil
}

// Undo adds the visits that the last [Client.Reset] removed to the counter, in one atomic step, and returns the counter before and
// after. Visits counted since the reset are kept, so no visit is lost, and later numbers are greater than all earlier ones. Without a
// reset to undo it returns ErrNothingToUndo.
func (c *Client) Undo(ctx context.Context) (from, to int64, err error) {
	pair, err := undoScript.Eval(ctx, c.rdb, []string{VisitsKey, UndoKey}).StringSlice()
	if errors.Is(err, redis.Nil) {
		return 0, 0, ErrNothingToUndo
	}
	if err == nil && len(pair) == 1 {
		return 0, 0, ErrAside
	}
	if err == nil && len(pair) != 2 {
		err = fmt.Errorf("expected two numbers, got %d", len(pair))
	}
	if err == nil {
		from, err = strconv.ParseInt(pair[0], 10, 64)
	}
	if err == nil {
		to, err = strconv.ParseInt(pair[1], 10, 64)
	}
	if err != nil {
		return 0, 0, counterError("restoring", err)
	}
	return from, to, nil
}

// Raise adds to the counter, which becomes that number if there is none, and returns it before and after.
func (c *Client) Raise(ctx context.Context, by int64) (from, to int64, err error) {
	if to, err = c.rdb.IncrBy(ctx, VisitsKey, by).Result(); err != nil {
		return 0, 0, counterError("raising", err)
	}
	return to - by, to, nil
}

// counterError names the counter, says what is wrong with it or with Redis, and what to do.
func counterError(gerund string, err error) error {
	if errors.As(err, new(*strconv.NumError)) {
		err = fault.New(fault.NotANumber)
	}
	return fmt.Errorf("%s counter %q: %w", gerund, VisitsKey, fault.Explain(err))
}
