package project

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"stackctl.dev/stackctl/internal/history"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/store"
)

// ErrNoLoss says that Redis has not lost the counter.
var ErrNoLoss = errors.New("redis has the counter that the history knows: there is nothing to restore")

const (
	// lossLimit bounds how long a verb waits for what the history says of Redis.
	lossLimit = 5 * time.Second
	lossPoll  = 200 * time.Millisecond
)

// lostVisits asks the history whether Redis has lost the counter, until enough of an answer, or for a while.
func (p *Project) lostVisits(ctx context.Context, enough func(*history.State) bool) (*history.State, error) {
	ctx, cancel := context.WithTimeout(ctx, lossLimit)
	defer cancel()
	client := history.NewClient(func(ctx context.Context) (net.Conn, error) { return p.Engine.DialService(ctx, p.Name, history.Address) })
	defer client.Close()
	ticker := time.NewTicker(lossPoll)
	defer ticker.Stop()
	for {
		state, err := client.State(ctx)
		if err == nil && enough(state) {
			return state, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return state, err
		}
	}
}

// lookedAfter is enough of an answer if the history knows of a loss, or has looked at Redis after a time: it does so once a second.
func lookedAfter(begin time.Time) func(*history.State) bool {
	return func(s *history.State) bool { return s.Loss != nil || !s.Since.Before(begin) }
}

// lossWarning says that Redis has lost the counter, if the stack has a history; "" if it has not, or if that is not known. Where nothing
// was changed it does not wait.
func (p *Project) lossWarning(ctx context.Context, s *stack.Stack, changed bool) string {
	if s == nil || !slices.Contains(s.With, databaseFeature) {
		return ""
	}
	begin := time.Time{}
	if changed {
		begin = time.Now()
	}
	state, err := p.lostVisits(ctx, lookedAfter(begin))
	if err != nil || state.Loss == nil {
		return "" // `visits` says why
	}
	return fmt.Sprintf("Redis lost the counter: the history knows %d visits, and %d are counted; `stackctl restore visits` goes on above them",
		state.Loss.Counter, state.Counter)
}

// RestoreVisits raises the counter above all numbers that were given out before Redis lost it, and returns it before and after.
func (p *Project) RestoreVisits(ctx context.Context, redis store.Dialer) (from, to int64, err error) {
	unlock, err := p.lock(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer unlock()
	state, err := p.lostVisits(ctx, lookedAfter(time.Now()))
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("restoring the visits: %w; see `stackctl logs archive postgres`", err)
	case state.Loss == nil:
		return 0, 0, fmt.Errorf("restoring the visits: %w", ErrNoLoss)
	}
	client := store.Open(redis)
	defer client.Close()
	if from, to, err = client.Raise(ctx, state.Loss.Counter+state.Loss.Margin); err != nil {
		return 0, 0, fmt.Errorf("restoring the visits: %w", err)
	}
	// Until the history knows of it, a second call would raise the counter again.
	_, err = p.lostVisits(ctx, func(s *history.State) bool { return s.Loss == nil })
	return from, to, err
}
