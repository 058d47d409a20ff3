package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"stackctl.dev/stackctl/internal/history"
)

const (
	// readTime bounds a question.
	readTime = 5 * time.Second
	// maxReads bounds those that are answered at the same time.
	maxReads = 4
	// maxEvents bounds those of an answer; the newest are given.
	maxEvents = 1000
)

// reader answers questions about the history.
type reader struct {
	pool   *pgxpool.Pool
	behind func() history.State
	log    *slog.Logger
	slots  chan struct{}
}

func (r *reader) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /visits", func(w http.ResponseWriter, req *http.Request) {
		since, by, err := question(req, time.Now())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.answer(w, req, func(ctx context.Context, tx pgx.Tx) (any, error) { return r.visits(ctx, tx, since, by) })
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, req *http.Request) {
		r.answer(w, req, func(ctx context.Context, tx pgx.Tx) (any, error) { return r.state(ctx, tx) })
	})
}

// question reads what is asked for.
func question(req *http.Request, now time.Time) (since time.Time, by string, err error) {
	query := req.URL.Query()
	if by = query.Get("by"); by == "" {
		by = history.ByMinute
	}
	step, ok := history.Step(by)
	if !ok {
		return since, by, fmt.Errorf("reading by: want %s, %s or %s", history.ByMinute, history.ByHour, history.ByDay)
	}
	if since, err = time.Parse(time.RFC3339, query.Get("since")); err != nil {
		return since, by, fmt.Errorf("reading since: want a time such as %s", now.UTC().Format(time.RFC3339))
	}
	if now.Sub(since)/step > history.MaxIntervals {
		return since, by, fmt.Errorf("reading since: the answer would have more than %d intervals", history.MaxIntervals)
	}
	return since.UTC().Truncate(step), by, nil
}

// answer runs a question in one transaction, so that its figures belong together. Where PostgreSQL is away, the answer says what is known
// without it.
func (r *reader) answer(w http.ResponseWriter, req *http.Request, ask func(context.Context, pgx.Tx) (any, error)) {
	ctx, cancel := context.WithTimeout(req.Context(), readTime)
	defer cancel()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		http.Error(w, "busy", http.StatusTooManyRequests)
		return
	}
	var found any
	err := pgx.BeginTxFunc(ctx, r.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		found, err = ask(ctx, tx)
		return err
	})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		if req.Context().Err() == nil {
			r.log.Warn("reading the history", "error", err.Error())
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		found = r.behind()
	}
	_ = json.NewEncoder(w).Encode(found) // an error means that the client is gone
}

func (r *reader) state(ctx context.Context, tx pgx.Tx) (history.State, error) {
	s, err := state(ctx, tx)
	now := r.behind()
	s.Behind = now.Behind
	if !now.Since.IsZero() {
		s.Since = now.Since
	}
	return s, err
}

func (r *reader) visits(ctx context.Context, tx pgx.Tx, since time.Time, by string) (*history.Visits, error) {
	step, _ := history.Step(by)
	found := &history.Visits{By: by, Since: since, Until: time.Now().UTC().Truncate(time.Second)}
	rows, err := tx.Query(ctx, `
select to_timestamp(floor(extract(epoch from minute) / $2) * $2), sum(visits)::bigint from minutes
where minute >= $1 group by 1 having sum(visits) <> 0 order by 1 limit $3`, since, int64(step.Seconds()), history.MaxIntervals)
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	found.Intervals, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (i history.Interval, err error) {
		err = row.Scan(&i.At, &i.Visits)
		i.At = i.At.UTC()
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	for _, i := range found.Intervals {
		found.Total += i.Visits
	}
	rows, err = tx.Query(ctx, `
select * from (select ordinal, at, kind, from_counter, to_counter from events where at >= $1 order by ordinal desc limit $2) e order by ordinal`, since, maxEvents)
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	found.Events, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e history.Event, err error) {
		err = row.Scan(nil, &e.At, &e.Kind, &e.From, &e.To)
		e.At = e.At.UTC()
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	found.State, err = r.state(ctx, tx)
	return found, err
}
