package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGetDelKeys(t *testing.T) {
	mini := miniredis.RunT(t)
	c := open(t, tcp(mini.Addr()))
	ctx := t.Context()
	if _, ok, err := c.Get(ctx, "a"); ok || err != nil {
		t.Fatalf("Get of a missing key = %v, %v", ok, err)
	}
	for i := range 25 {
		_ = mini.Set(fmt.Sprintf("k:%02d", i), strconv.Itoa(i))
	}
	_ = mini.Set("other", "x")
	if v, ok, err := c.Get(ctx, "k:07"); v != "7" || !ok || err != nil {
		t.Fatalf("Get = %q, %v, %v", v, ok, err)
	}
	if n, err := c.Del(ctx, "k:00", "k:01", "none"); n != 2 || err != nil {
		t.Fatalf("Del = %d, %v", n, err)
	}
	if n, err := c.Del(ctx); n != 0 || err != nil {
		t.Fatalf("Del of nothing = %d, %v", n, err)
	}
	keys, complete, err := c.Keys(ctx, "k:0*", 0)
	if diff := cmp.Diff([]string{"k:02", "k:03", "k:04", "k:05", "k:06", "k:07", "k:08", "k:09"}, keys); diff != "" || !complete || err != nil {
		t.Errorf("Keys: complete %v, err %v, -want +got\n%s", complete, err, diff)
	}
	keys, complete, err = c.Keys(ctx, "", 5)
	if len(keys) != 5 || complete || err != nil {
		t.Errorf("Keys with limit 5 = %q, %v, %v", keys, complete, err)
	}
	keys, complete, err = c.Keys(ctx, "", 24)
	if len(keys) != 24 || !complete || err != nil {
		t.Errorf("Keys with a limit that just fits: %d, %v, %v", len(keys), complete, err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, complete, err = c.Keys(done, "", 0); complete || !errors.Is(err, context.Canceled) {
		t.Errorf("Keys after cancel = %v, %v", complete, err)
	}
}

// testServers runs a test against miniredis, and a real Redis where there is one: their Lua differs.
func testServers(t *testing.T, test func(t *testing.T, dial store.Dialer)) {
	t.Run("miniredis", func(t *testing.T) { test(t, tcp(miniredis.RunT(t).Addr())) })
	t.Run("redis", func(t *testing.T) { test(t, startRedis(t).dial) })
}

func do(t *testing.T, c *store.Conn, args ...string) store.Reply {
	t.Helper()
	r, err := c.Do(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResetAndUndo(t *testing.T) {
	testServers(t, func(t *testing.T, dial store.Dialer) {
		c, raw, ctx := open(t, dial), connect(t, dial), t.Context()
		if _, ok, err := c.Visits(ctx); ok || err != nil {
			t.Fatalf("Visits before any = %v, %v", ok, err)
		}
		if _, existed, err := c.Reset(ctx); existed || err != nil {
			t.Fatalf("Reset before any visit = %v, %v", existed, err)
		}
		if _, _, err := c.Undo(ctx); !errors.Is(err, store.ErrNothingToUndo) {
			t.Fatalf("Undo before any reset: %v", err)
		}
		do(t, raw, "SET", store.VisitsKey, "9007199254740993") // 2^53 + 1, which no double holds
		if old, existed, err := c.Reset(ctx); old != 9007199254740993 || !existed || err != nil {
			t.Fatalf("Reset = %d, %v, %v", old, existed, err)
		}
		if _, existed, err := c.Reset(ctx); existed || err != nil {
			t.Fatalf("second Reset = %v, %v", existed, err)
		}
		do(t, raw, "INCR", store.VisitsKey)
		do(t, raw, "INCR", store.VisitsKey)
		if from, to, err := c.Undo(ctx); from != 2 || to != 9007199254740995 || err != nil {
			t.Fatalf("Undo = %d, %d, %v", from, to, err)
		}
		if n, ok, err := c.Visits(ctx); n != 9007199254740995 || !ok || err != nil {
			t.Fatalf("Visits after Undo = %d, %v, %v", n, ok, err)
		}
		if _, _, err := c.Undo(ctx); !errors.Is(err, store.ErrNothingToUndo) {
			t.Fatalf("second Undo: %v", err)
		}
	})
}

func TestCounterThatIsNoNumber(t *testing.T) {
	testServers(t, func(t *testing.T, dial store.Dialer) {
		c, raw, ctx := open(t, dial), connect(t, dial), t.Context()
		for _, set := range [][]string{
			{"SET", store.VisitsKey, "many"},
			{"RPUSH", store.VisitsKey, "1"},
			{"SET", store.VisitsKey, "99999999999999999999"},
		} {
			do(t, raw, "FLUSHALL")
			do(t, raw, "SET", store.UndoKey, "5")
			do(t, raw, set...)
			before := do(t, raw, "DUMP", store.VisitsKey)
			if _, _, err := c.Visits(ctx); fault.Of(err) != fault.NotANumber {
				t.Errorf("%q: Visits: %v", set, err)
			}
			if _, _, err := c.Undo(ctx); fault.Of(err) != fault.NotANumber {
				t.Errorf("%q: Undo: %v", set, err)
			}
			if undo := do(t, raw, "GET", store.UndoKey); undo.Text != "5" {
				t.Errorf("%q: what can be undone became %+v", set, undo)
			}
			// Resetting mends it, and loses nothing.
			if old, existed, err := c.Reset(ctx); old != 0 || !existed || err != nil {
				t.Errorf("%q: Reset: %d %v %v", set, old, existed, err)
			}
			if n, ok, err := c.Visits(ctx); n != 0 || ok || err != nil {
				t.Errorf("%q: Visits after it: %d %v %v", set, n, ok, err)
			}
			if after := do(t, raw, "DUMP", store.UndoKey); after.Text != before.Text {
				t.Errorf("%q: what was reset was not kept", set)
			}
			if _, _, err := c.Undo(ctx); !errors.Is(err, store.ErrAside) {
				t.Errorf("%q: Undo of it: %v", set, err)
			}
		}
	})
}

// However visits, resets and undos are mixed: with the last step an undo, nothing counted since the reset before is lost.
func TestUndoLosesNothing(t *testing.T) {
	mini := miniredis.RunT(t)
	c := open(t, tcp(mini.Addr()))
	rapid.Check(t, func(rt *rapid.T) {
		mini.FlushAll()
		var counter, undo int64
		hasCounter, hasUndo := false, false
		for _, op := range rapid.SliceOf(rapid.SampledFrom([]string{"visit", "visit", "reset", "undo"})).Draw(rt, "ops") {
			switch op {
			case "visit":
				if _, err := mini.Incr(store.VisitsKey, 1); err != nil {
					rt.Fatal(err)
				}
				counter, hasCounter = counter+1, true
			case "reset":
				old, existed, err := c.Reset(t.Context())
				if err != nil || existed != hasCounter || old != counter {
					rt.Fatalf("Reset = %d, %v, %v; want %d, %v", old, existed, err, counter, hasCounter)
				}
				if hasCounter {
					undo, counter, hasUndo, hasCounter = counter, 0, true, false
				}
			case "undo":
				from, to, err := c.Undo(t.Context())
				if !hasUndo {
					if !errors.Is(err, store.ErrNothingToUndo) {
						rt.Fatalf("Undo: %v, want ErrNothingToUndo", err)
					}
					continue
				}
				if err != nil || from != counter || to != counter+undo {
					rt.Fatalf("Undo = %d, %d, %v; want %d, %d", from, to, err, counter, counter+undo)
				}
				counter, undo, hasCounter, hasUndo = to, 0, true, false
			}
		}
	})
}

func TestSummary(t *testing.T) {
	redis := startRedis(t, "--appendonly", "yes")
	c, raw, ctx := open(t, redis.dial), connect(t, redis.dial), t.Context()
	start := time.Now()
	s, err := c.Summary(ctx)
	if err != nil || s.Keys != 0 || s.HasVisits || !s.AppendOnly {
		t.Fatalf("Summary of an empty Redis = %+v, %v", s, err)
	}
	do(t, raw, "SET", "a", "1")
	do(t, raw, "SET", store.VisitsKey, "42")
	s, err = c.Summary(ctx)
	if err != nil || s.Keys != 2 || s.Visits != 42 || !s.HasVisits || s.UsedBytes < 100_000 || s.AOFBytes == 0 || s.Unsaved != 2 {
		t.Errorf("Summary = %+v, %v", s, err)
	}
	if age := start.Sub(s.LastSave); age < -time.Minute || age > time.Minute {
		t.Errorf("LastSave = %v, want about now", s.LastSave)
	}
	// A Redis that keeps its INFO to itself still says how many keys would be lost.
	do(t, raw, "ACL", "SETUSER", "bob", "on", ">secret", "~*", "+dbsize", "+get", "+hello", "+ping")
	s, err = open(t, redis.dial, store.WithCredentials("bob", "secret")).Summary(ctx)
	if err != nil || s.Keys != 2 || s.Visits != 42 || s.UsedBytes != 0 {
		t.Errorf("Summary without INFO = %+v, %v", s, err)
	}
}

func TestClientDialsOnceAndRetriesNothing(t *testing.T) {
	mini := miniredis.RunT(t)
	var dials atomic.Int32
	dial := tcp(mini.Addr())
	c := open(t, func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx)
	})
	for range 5 {
		if err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Visits(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Summary(t.Context()) // miniredis has no LASTSAVE
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("dialed %d times, want once", n)
	}

	dials.Store(0)
	broken := errors.New("no such tunnel")
	bad := open(t, func(context.Context) (net.Conn, error) {
		dials.Add(1)
		return nil, broken
	})
	if err := bad.Ping(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Ping through a broken tunnel: %v", err)
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("dialed %d times, want once", n)
	}
}

// deafConn ignores deadlines, as a pipe to a process does.
type deafConn struct{ net.Conn }

func (deafConn) SetDeadline(time.Time) error      { return nil }
func (deafConn) SetReadDeadline(time.Time) error  { return nil }
func (deafConn) SetWriteDeadline(time.Time) error { return nil }

func TestClientEndsOnSilence(t *testing.T) {
	c := open(t, func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _ = theirs.Close() })
		return deafConn{ours}, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := c.Ping(ctx); err == nil {
		t.Error("Ping of a silent peer succeeded")
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Ping of a silent peer took %v", took)
	}
}
