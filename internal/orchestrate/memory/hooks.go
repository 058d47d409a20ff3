package memory

import (
	"context"
	"sync"
)

// Call is one request that the engine received.
type Call struct {
	N      int    // from 1
	Method string // such as "ContainerStart"
	Object string // as the caller named it; "" for lists
}

// Hook is asked before a call does anything; an error of it is the call's answer.
type Hook func(ctx context.Context, c Call) error

type hooks struct {
	mu     sync.Mutex
	n      int    // of calls
	calls  []Call // the last of them
	before []Hook
	after  []Hook
}

// maxCalls is how many calls are remembered at most: a demonstration goes on for days.
const maxCalls = 1 << 16

// enter records the call and asks the hooks; done gives those their turn that change the answer.
func (h *hooks) enter(ctx context.Context, method, object string) (done func(error) error, err error) {
	h.mu.Lock()
	h.n++
	call := Call{N: h.n, Method: method, Object: object}
	if len(h.calls) == maxCalls {
		h.calls = append(h.calls[:0], h.calls[maxCalls/2:]...)
	}
	h.calls = append(h.calls, call)
	before, after := h.before, h.after
	h.mu.Unlock()
	for _, hook := range before {
		if err := hook(ctx, call); err != nil {
			return nil, err
		}
	}
	return func(err error) error {
		for _, hook := range after {
			if lost := hook(ctx, call); lost != nil {
				err = lost // a refusal too
			}
		}
		return err
	}, nil
}

// Calls lists the requests so far.
func (e *Engine) Calls() []Call {
	e.hooks.mu.Lock()
	defer e.hooks.mu.Unlock()
	return append([]Call(nil), e.hooks.calls...)
}

// Before adds a hook.
func (e *Engine) Before(hook Hook) {
	e.hooks.mu.Lock()
	defer e.hooks.mu.Unlock()
	e.hooks.before = append(e.hooks.before[:len(e.hooks.before):len(e.hooks.before)], hook)
}

// After adds a hook that is asked when the call has done its work: an error of it stands for an answer that got lost.
func (e *Engine) After(hook Hook) {
	e.hooks.mu.Lock()
	defer e.hooks.mu.Unlock()
	e.hooks.after = append(e.hooks.after[:len(e.hooks.after):len(e.hooks.after)], hook)
}

// Forget removes all hooks and the record of calls.
func (e *Engine) Forget() {
	e.hooks.mu.Lock()
	defer e.hooks.mu.Unlock()
	e.hooks.n, e.hooks.calls, e.hooks.before, e.hooks.after = 0, nil, nil, nil
}

// FailAt makes the k-th call from the engine's first, or from Forget, fail without doing anything.
func (e *Engine) FailAt(k int, err error) { e.Before(at(k, err)) }

// LoseAnswer makes the k-th call do its work and then fail.
func (e *Engine) LoseAnswer(k int, err error) { e.After(at(k, err)) }

func at(k int, err error) Hook {
	return func(_ context.Context, c Call) error {
		if c.N == k {
			return err
		}
		return nil
	}
}

// Block holds back the calls of a method for an object ("" is any) until release, or until their context ends. entered
// gets a value for each that arrives, as long as someone takes it.
func (e *Engine) Block(method, object string) (entered <-chan Call, release func()) {
	arrived, open := make(chan Call, 1024), make(chan struct{})
	e.Before(func(ctx context.Context, c Call) error {
		if c.Method != method || (object != "" && c.Object != object) {
			return nil
		}
		select {
		case arrived <- c:
		default:
		}
		select {
		case <-open:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return arrived, sync.OnceFunc(func() { close(open) })
}
