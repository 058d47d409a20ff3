//go:build unix

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/server/journal"
	"stackctl.dev/stackctl/internal/server/visits"
	"stackctl.dev/stackctl/internal/server/visits/visitstest"
)

// rig is a counter, and what hands its history over.
type rig struct {
	t        *testing.T
	redis    *visitstest.Redis
	postgres *server
	client   *redis.Client
	cfg      Config
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, postgres: startPostgres(t), redis: visitstest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")}
	r.client = redis.NewClient(&redis.Options{Addr: r.redis.Addr(), DisableIdentity: true})
	t.Cleanup(func() { _ = r.client.Close() })
	r.cfg = Config{
		RedisAddr: r.redis.Addr(), PostgresHost: "127.0.0.1", PostgresPort: r.postgres.port, PostgresUser: "stackctl", PostgresDatabase: "stackctl",
		ListenAddr: "127.0.0.1:0", Interval: 20 * time.Millisecond, LogLevel: slog.LevelError,
	}
	return r
}

// archiver is one that is stepped by hand.
func (r *rig) archiver() *archiver {
	r.t.Helper()
	s, err := New(r.cfg, io.Discard)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		s.archiver.drop(context.Background())
		s.pool.Close()
		_ = s.archiver.source.client.Close()
	})
	return s.archiver
}

func (r *rig) step(a *archiver) {
	r.t.Helper()
	var err error
	eventually(r.t, func() bool { // PostgreSQL notices a moment later that a session has ended
		err = a.step(r.t.Context())
		return !errors.Is(err, errStandby)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) store() *visits.Store {
	s := visits.Open(visits.Options{Addr: r.redis.Addr(), Timeout: 20 * time.Second, PoolSize: 4}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	r.t.Cleanup(func() { _ = s.Close() })
	return s
}

// count counts n visits.
func (r *rig) count(s *visits.Store, n int) {
	r.t.Helper()
	for range n {
		if _, err := s.Next(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) counter() int64 {
	r.t.Helper()
	n, err := r.client.Get(r.t.Context(), counterKey).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		r.t.Fatal(err)
	}
	return n
}

const (
	sumOfMinutes = "select coalesce(sum(visits), 0)::bigint from minutes"
	sumOfEvents  = "select coalesce(sum(to_counter - from_counter), 0)::bigint from events"
)

// exact checks the invariant: what the history says is the counter.
func (r *rig) exact() {
	r.t.Helper()
	minutes, events, counter := r.postgres.number(sumOfMinutes), r.postgres.number(sumOfEvents), r.counter()
	if minutes+events != counter {
		r.t.Errorf("the minutes have %d visits and the events %+d, but the counter is %d", minutes, events, counter)
	}
	if known := r.postgres.number("select counter from series order by ordinal desc limit 1"); known != counter {
		r.t.Errorf("the history ends with %d, but the counter is %d", known, counter)
	}
	if total := r.postgres.number("select sum(visits - first)::bigint from series"); total != minutes {
		r.t.Errorf("the series have %d visits, but the minutes %d", total, minutes)
	}
}

func (r *rig) events(want ...string) {
	r.t.Helper()
	got := r.postgres.lines("select kind || ' ' || from_counter || ' ' || to_counter from events where kind <> 'restarted' order by ordinal")
	if got != strings.Join(want, "\n") {
		r.t.Errorf("events are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestHistoryHasEachVisitAndEachChange(t *testing.T) {
	r := newRig(t)
	s, a := r.store(), r.archiver()
	r.count(s, 3)
	r.step(a) // visits before it have no minute
	r.count(s, 4)
	r.step(a)
	r.exact()
	r.client.Del(t.Context(), counterKey)
	r.count(s, 2) // the next visit finds the reset
	r.client.IncrBy(t.Context(), counterKey, 100)
	r.step(a) // this finds the change
	r.exact()
	r.client.Set(t.Context(), counterKey, "no number", 0)
	r.step(a)
	r.client.Set(t.Context(), counterKey, "9000000000000000000", 0) // beyond what Lua's numbers have exactly
	r.count(s, 5)
	r.step(a)
	r.step(a)
	r.exact()
	r.events("began 0 3", "reset 7 0", "changed 2 102", "changed 102 9000000000000000000")
	if n := r.postgres.number(sumOfMinutes); n != 11 {
		t.Errorf("%d visits in the minutes, want 11", n)
	}
	if n := r.client.HLen(t.Context(), journal.Key).Val(); n != 3 {
		t.Errorf("what was handed over is still in redis: %v", r.client.HGetAll(t.Context(), journal.Key).Val())
	}
}

func TestWithoutHistoryNothingIsWritten(t *testing.T) {
	r := newRig(t)
	r.count(r.store(), 3)
	if n := r.client.Exists(t.Context(), journal.Key).Val(); n != 0 {
		t.Errorf("redis has %v", r.client.HGetAll(t.Context(), journal.Key).Val())
	}
}

// A kill between the commit and the trimming is the one place where PostgreSQL and Redis disagree.
func TestHandingOverTwiceChangesNothing(t *testing.T) {
	r := newRig(t)
	s := r.store()
	killed := func() { panic("killed") }
	for i := range 5 {
		a := r.archiver()
		if i%2 == 1 {
			a.between = killed
		}
		r.count(s, 10)
		if i == 3 {
			r.client.Del(t.Context(), counterKey)
		}
		func() {
			defer func() { _ = recover() }()
			r.step(a)
		}()
		a.drop(context.Background())
	}
	r.step(r.archiver())
	r.exact()
	r.events("began 0 10", "reset 40 0")
}

func TestRedisLostIsSaidUntilItIsRestored(t *testing.T) {
	r := newRig(t)
	s, a := r.store(), r.archiver()
	r.step(a)
	r.count(s, 20)
	r.step(a)
	r.client.FlushAll(t.Context())
	r.count(s, 2)
	r.step(a)
	r.exact()
	r.events("began 0 0", "lost 20 2")
	loss := func() int64 {
		return r.postgres.number("select count(*) from events l where kind = 'lost' and not exists (select from events e where e.ordinal > l.ordinal and e.to_counter >= l.from_counter)")
	}
	if loss() != 1 {
		t.Error("the loss is not said")
	}
	r.client.IncrBy(t.Context(), counterKey, 1000)
	r.step(a)
	r.exact()
	if loss() != 0 {
		t.Error("the loss is still said")
	}
}

// A backup of Redis that is put back has less than PostgreSQL got from it.
func TestOlderRedisBeginsAnotherSeries(t *testing.T) {
	r := newRig(t)
	s, a := r.store(), r.archiver()
	r.step(a)
	r.count(s, 5)
	r.step(a)
	old := r.client.HGetAll(t.Context(), journal.Key).Val()
	r.count(s, 5)
	r.step(a)
	r.client.HSet(t.Context(), journal.Key, old)
	r.client.Set(t.Context(), counterKey, 5, 0)
	r.step(a) // finds it
	r.step(a)
	r.count(s, 1)
	r.step(a)
	r.exact()
	r.events("began 0 0", "lost 10 5")
}

func TestFullJournalSumsMinutes(t *testing.T) {
	r := newRig(t)
	s, a := r.store(), r.archiver()
	r.step(a)
	// As after more than a year without PostgreSQL, with a visit in each minute: the last one is that before this.
	minute := time.Now().Unix()/60 - 1
	fields := map[string]any{"now": fmt.Sprintf("%d %d %d %d", journal.MaxFields, journal.MaxFields, journal.MaxFields, minute)}
	for i := range int64(journal.MaxFields) {
		fields["m"+strconv.FormatInt(minute-journal.MaxFields+1+i, 10)] = fmt.Sprintf("%d %d %d", i+1, i+1, i+1)
	}
	r.client.HSet(t.Context(), journal.Key, fields)
	r.client.Set(t.Context(), counterKey, journal.MaxFields, 0)
	before := r.client.HLen(t.Context(), journal.Key).Val()
	for i := range 20 { // changes have no bound of their own
		r.client.IncrBy(t.Context(), counterKey, int64(i))
		r.count(s, 3)
	}
	if after := r.client.HLen(t.Context(), journal.Key).Val(); after > before {
		t.Errorf("the journal grew from %d fields to %d", before, after)
	}
	begin := time.Now()
	r.step(a)
	t.Logf("handing over %d minutes took %s", journal.MaxFields, time.Since(begin))
	r.exact()
	if n := r.postgres.number("select count(*) from minutes"); n < journal.MaxFields-1 {
		t.Errorf("PostgreSQL has %d minutes", n)
	}
	if n := r.client.HLen(t.Context(), journal.Key).Val(); n != 3 {
		t.Errorf("redis still has %d fields", n)
	}
}

func TestDamagedJournalBeginsAnother(t *testing.T) {
	r := newRig(t)
	s, a := r.store(), r.archiver()
	for _, damage := range []func(){
		func() { r.client.Set(t.Context(), journal.Key, "text", 0) },
		func() { r.client.HSet(t.Context(), journal.Key, "now", "nonsense") },
		func() { r.client.HDel(t.Context(), journal.Key, "base") },
		func() { r.client.HSet(t.Context(), journal.Key, "m1", "nonsense", "other", "1") },
		func() { r.client.Del(t.Context(), journal.Key) },
	} {
		r.step(a)
		r.count(s, 2)
		damage()
		r.count(s, 2) // all of these are counted
		r.step(a)
		r.count(s, 1)
		r.step(a)
		r.exact()
	}
	if n := r.counter(); n != 25 {
		t.Errorf("counted %d of 25", n)
	}
}

func TestOneArchiveAtATime(t *testing.T) {
	r := newRig(t)
	s, first, second := r.store(), r.archiver(), r.archiver()
	r.step(first)
	r.count(s, 2)
	if err := second.step(t.Context()); err == nil {
		t.Error("two hand over")
	}
	r.step(first)
	first.drop(t.Context())
	r.count(s, 2)
	eventually(t, func() bool { return second.step(t.Context()) == nil })
	r.exact()
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("not in time")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// PostgreSQL, Redis and the archive are killed again and again under load; then the numbers are compared.
func TestHistoryIsExactWhateverIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := newRig(t)
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	var given sync.Map
	var counted atomic.Int64
	for range 2 {
		s := r.store()
		for range 8 {
			work.Go(func() {
				for ctx.Err() == nil {
					n, err := s.Next(ctx)
					if err != nil {
						continue
					}
					if _, twice := given.LoadOrStore(n, true); twice {
						t.Errorf("%d was given twice", n)
					}
					counted.Add(1)
				}
			})
		}
	}
	for round := range 8 {
		a := r.archiver()
		a.interval = 5 * time.Millisecond
		if round%3 == 1 {
			left := 10
			a.between = func() {
				if left--; left == 0 {
					panic("killed")
				}
			}
		}
		life, kill := context.WithCancel(ctx)
		var archiving sync.WaitGroup
		archiving.Go(func() {
			defer func() { _ = recover() }()
			for life.Err() == nil { // without the handing over at the end of work
				a.note(life, a.step(life))
				wait(life, a.interval)
			}
		})
		wait(ctx, 300*time.Millisecond)
		switch round % 4 {
		case 0:
			r.postgres.restart()
		case 1:
			r.redis.Restart()
		case 2:
			r.postgres.kill()
			wait(ctx, 300*time.Millisecond)
			r.redis.Restart()
			r.postgres.restart()
		}
		wait(ctx, 200*time.Millisecond)
		kill()
		archiving.Wait()
		a.drop(context.Background())
	}
	stop()
	work.Wait()
	last := r.archiver()
	eventually(t, func() bool { return last.step(t.Context()) == nil })
	r.exact()
	if r.counter() < counted.Load() {
		t.Errorf("%d visits got a number, but the counter is %d", counted.Load(), r.counter())
	}
	t.Logf("%d visits", r.counter())
	if n := r.postgres.number("select count(*) from events where kind = 'restarted'"); n < 2 {
		t.Errorf("%d restarts of redis in the history", n)
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
