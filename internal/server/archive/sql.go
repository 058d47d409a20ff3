package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"stackctl.dev/stackctl/internal/history"
	"stackctl.dev/stackctl/internal/server/journal"
)

// schema is what the database has. The tables only ever gain: a release that needs more adds it here.
const schema = `
create table if not exists series (
  ordinal  bigint generated always as identity primary key,
  name     text not null unique,  -- that of the journal in Redis
  first    bigint not null,       -- visits that the journal had when the history began
  number   bigint not null,       -- the newest observation of it: everything up to it is in the other tables
  visits   bigint not null,
  counter  bigint not null,
  redis    text not null,         -- the run of Redis
  at       timestamptz not null   -- when Redis was last seen to have no more
);
create table if not exists minutes (
  minute timestamptz primary key,
  visits bigint not null
);
create table if not exists events (
  ordinal      bigint generated always as identity primary key,
  at           timestamptz not null,
  kind         text not null,
  from_counter bigint not null,
  to_counter   bigint not null,
  margin       bigint not null default 0  -- of a loss: how many numbers may have been given out after from_counter
);
create index if not exists events_at on events (at);`

// lockKey is the advisory lock of the tier that hands over: the letters "visits".
const lockKey = 0x766973697473

// errStandby says that another archive hands over.
var errStandby = errors.New("another archive hands over")

// errOlder says that Redis has less than PostgreSQL has got from it, as after a backup was put back.
var errOlder = errors.New("redis is older than the history")

// takeOver makes a new connection the one that hands over, until it ends.
func takeOver(ctx context.Context, conn *pgx.Conn) error {
	var got bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", int64(lockKey)).Scan(&got); err != nil {
		return fmt.Errorf("locking the history: %w", err)
	}
	if !got {
		return errStandby
	}
	if _, err := conn.Exec(ctx, schema); err != nil {
		return fmt.Errorf("making the tables of the history: %w", err)
	}
	return nil
}

// position is how far PostgreSQL has a series.
type position struct {
	number, visits, counter int64
	redis                   string
	at                      time.Time
}

// event is one that is to be written.
type event struct {
	history.Event
	margin int64
}

// handOver writes a journal to PostgreSQL in one transaction, the position included. Repeating it changes nothing: what is up to the
// position is skipped.
func handOver(ctx context.Context, conn *pgx.Conn, j *journal.Journal, r run, now time.Time) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after the commit
	if err := write(ctx, tx, j, r, now); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("committing the history: %w", err)
	}
	return nil
}

func write(ctx context.Context, tx pgx.Tx, j *journal.Journal, r run, now time.Time) error {
	p, events, err := positionOf(ctx, tx, j, now)
	if err != nil {
		return err
	}
	if j.Now.Number < p.number {
		return errOlder
	}
	minutes := map[int64]int64{}
	for _, o := range j.Observations {
		if o.Number <= p.number {
			continue
		}
		counted := o.Visits - p.visits
		if counted != 0 {
			minutes[o.Minute] += counted
		}
		if from := p.counter + counted; from != o.Counter {
			events = append(events, change(o, from))
		}
		p.number, p.visits, p.counter = o.Number, o.Visits, o.Counter
	}
	if r.ID != "" && p.redis != r.ID {
		if p.redis != "" {
			events = append(events, event{Event: history.Event{At: r.Since, Kind: history.Restarted, From: p.counter, To: p.counter}})
		}
		p.redis = r.ID
	}
	batch := &pgx.Batch{}
	for minute, visits := range minutes {
		batch.Queue("insert into minutes as m (minute, visits) values ($1, $2) on conflict (minute) do update set visits = m.visits + excluded.visits",
			time.Unix(minute*60, 0).UTC(), visits)
	}
	for _, e := range events {
		batch.Queue("insert into events (at, kind, from_counter, to_counter, margin) values ($1, $2, $3, $4, $5)", e.At, e.Kind, e.From, e.To, e.margin)
	}
	batch.Queue("update series set number = $2, visits = $3, counter = $4, redis = $5, at = $6 where name = $1",
		j.Series, p.number, p.visits, p.counter, p.redis, now)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

// change is the event of a counter that was found changed.
func change(o journal.Observation, from int64) event {
	kind := history.Changed
	if o.Counter == 0 {
		kind = history.Reset
	}
	return event{Event: history.Event{At: o.At, Kind: kind, From: from, To: o.Counter}}
}

// positionOf returns how far PostgreSQL has the journal's series, and what is to be recorded if it is a new one.
func positionOf(ctx context.Context, tx pgx.Tx, j *journal.Journal, now time.Time) (p position, events []event, err error) {
	err = tx.QueryRow(ctx, "select number, visits, counter, redis, at from series where name = $1 for update", j.Series).
		Scan(&p.number, &p.visits, &p.counter, &p.redis, &p.at)
	if err == nil {
		return p, nil, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return p, nil, fmt.Errorf("reading the history: %w", err)
	}
	begun := event{Event: history.Event{At: now, Kind: history.Began, To: j.Base.Counter}}
	var before position
	err = tx.QueryRow(ctx, "select counter, redis, at from series order by ordinal desc limit 1").Scan(&before.counter, &before.redis, &before.at)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return p, nil, fmt.Errorf("reading the history: %w", err)
	default:
		begun.From, begun.Kind = before.counter, history.Changed
		if j.Base.Counter < before.counter {
			begun.Kind = history.Lost
			begun.margin = ratePerSecond * (2 + max(0, int64(now.Sub(before.at).Seconds())))
		}
	}
	p = position{number: j.Base.Number, visits: j.Base.Visits, counter: j.Base.Counter}
	_, err = tx.Exec(ctx, "insert into series (name, first, number, visits, counter, redis, at) values ($1, $2, $3, $4, $5, '', $6)",
		j.Series, p.visits, p.number, p.visits, p.counter, now)
	if err != nil {
		return p, nil, fmt.Errorf("writing the history: %w", err)
	}
	return p, []event{begun}, nil
}

// ratePerSecond is more than any stack can count in a second: it bounds the numbers that were given out without the history's knowledge.
const ratePerSecond = 100_000

// state reads how far PostgreSQL has the history.
func state(ctx context.Context, tx pgx.Tx) (s history.State, err error) {
	err = tx.QueryRow(ctx, "select counter, at, (select coalesce(sum(visits - first), 0)::bigint from series) from series order by ordinal desc limit 1").
		Scan(&s.Counter, &s.Since, &s.Total)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("reading the history: %w", err)
	}
	var loss history.Loss
	err = tx.QueryRow(ctx, `
select at, from_counter, margin from events l where kind = $1 and not exists (
  select from events e where e.ordinal > l.ordinal and (e.kind = $2 or e.to_counter >= l.from_counter)
) order by from_counter desc limit 1`, history.Lost, history.Reset).Scan(&loss.At, &loss.Counter, &loss.Margin)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	s.Loss = &loss
	return s, err
}
