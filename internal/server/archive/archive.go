// Package archive is the tier that hands the history of visits over from Redis to PostgreSQL, and answers questions about it. It asks
// Redis for what is new, writes that and its position in one transaction, and then removes it from Redis: so wherever it is killed, the
// history has each visit once. While PostgreSQL is away, Redis keeps what is to come. docs/history.md describes it.
package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"stackctl.dev/stackctl/internal/history"
	"stackctl.dev/stackctl/internal/server/journal"
)

const (
	// sqlTimeout bounds a connection and a transaction.
	sqlTimeout = 20 * time.Second
	// lastTimeout bounds the last handing over when the tier ends.
	lastTimeout = 2 * time.Second
	// idleNote is how often the history gets a note that there was nothing new.
	idleNote = 10 * time.Second
)

// archiver hands over. Its methods are called by one goroutine.
type archiver struct {
	log      *slog.Logger
	source   *source
	connect  func(context.Context) (*pgx.Conn, error)
	interval time.Duration
	// between is called between the commit and the trimming, for tests.
	between func()

	conn    *pgx.Conn // with the lock; nil before and after
	noted   time.Time // when PostgreSQL was written to
	series  string    // as it was written
	number  int64     // of the newest observation that was written
	run     string    // of Redis, as it was written
	failing string    // the last error that was logged
	lag     atomic.Pointer[lag]
	handed  atomic.Int64 // transactions
}

// lag is how far PostgreSQL is behind Redis.
type lag struct {
	visits int64
	since  time.Time // PostgreSQL had everything then; zero if that is not known
	err    string    // why it is behind; "" if it is not
}

// work hands over until ctx is done, and then a last time.
func (a *archiver) work(ctx context.Context) error {
	defer a.drop(context.WithoutCancel(ctx))
	ticker := time.NewTicker(a.interval)
	defer ticker.Stop()
	for {
		a.note(ctx, a.step(ctx))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
			defer cancel()
			if a.conn != nil {
				a.note(last, a.step(last))
			}
			return nil
		}
	}
}

// step hands over once.
func (a *archiver) step(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	read := time.Now() // PostgreSQL will have what was in Redis then
	j, err := a.source.read(ctx)
	if err != nil {
		return err
	}
	if j != nil && j.Behind() > 0 {
		a.lag.Store(&lag{visits: j.Behind(), since: j.BaseAt})
	}
	if err := a.lock(ctx); err != nil {
		return err
	}
	if j == nil {
		if err := a.source.begin(ctx, rand.Text(), a.source.seriesName(ctx)); err != nil {
			return err
		}
		if j, err = a.source.read(ctx); err != nil || j == nil {
			return err
		}
	}
	return a.hand(ctx, j, read)
}

// hand writes the journal into PostgreSQL and removes it from Redis.
func (a *archiver) hand(ctx context.Context, j *journal.Journal, read time.Time) error {
	r := run{}
	if found := a.source.run.Load(); found != nil {
		r = *found
	}
	if j.Now.Number == a.number && j.Series == a.series && r.ID == a.run && read.Sub(a.noted) < idleNote {
		a.lag.Store(&lag{since: read})
		return nil
	}
	err := handOver(ctx, a.conn, j, r, read)
	if errors.Is(err, errOlder) {
		a.log.Warn("redis is older than the history: a backup was put back, or its volume is another one")
		return a.source.begin(ctx, rand.Text(), j.Series)
	}
	if err != nil {
		a.drop(ctx) // the session may be broken
		return err
	}
	a.noted, a.series, a.number, a.run = read, j.Series, j.Now.Number, r.ID
	a.handed.Add(1)
	if a.between != nil {
		a.between()
	}
	if err := a.source.trim(ctx, j, read); err != nil {
		return err
	}
	a.lag.Store(&lag{since: read})
	return nil
}

// lock makes sure that this archive is the one that hands over.
func (a *archiver) lock(ctx context.Context) error {
	if a.conn != nil && !a.conn.IsClosed() {
		return nil
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	if err := takeOver(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return err
	}
	a.conn, a.noted = conn, time.Time{}
	a.log.Info("handing over the history")
	return nil
}

// drop ends the session, and with it the lock.
func (a *archiver) drop(ctx context.Context) {
	if a.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = a.conn.Close(ctx) // the server ends it in any case
	a.conn = nil
}

// note logs an error when it begins, changes and ends.
func (a *archiver) note(ctx context.Context, err error) {
	text := ""
	if err != nil {
		text = err.Error()
		if ctx.Err() != nil {
			return // it was cut off
		}
	}
	if current := a.lag.Load(); current != nil && text != "" && !errors.Is(err, errStandby) {
		a.lag.Store(&lag{visits: current.visits, since: current.since, err: text})
	}
	if text == a.failing {
		return
	}
	switch a.failing = text; {
	case text == "":
		a.log.Info("the history is being handed over again")
	case errors.Is(err, errStandby):
		a.log.Info("waiting: another archive hands over")
	default:
		a.log.Warn("the history waits in redis", "error", text)
	}
}

// behind returns how far PostgreSQL is behind, as last seen.
func (a *archiver) behind() history.State {
	s := history.State{}
	if l := a.lag.Load(); l != nil {
		s.Behind, s.Since = l.visits, l.since
	}
	return s
}
