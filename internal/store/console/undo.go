package console

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/store"
)

// Bounds of a removal that can be undone.
const (
	maxUndoKeys  = 1000
	maxUndoBytes = 16 << 20
)

// ErrNothingToUndo says that no removal of this session can be undone.
var ErrNothingToUndo = errors.New("nothing to undo: no key was removed in this console since the last undo")

// undo is the last removal.
type undo struct {
	db      int
	counter bool // it was a reset of the visit counter, for which Redis keeps the value
	keys    []dump
	lost    []string // keys that the server could not dump
}

// dump is a removed key, with its value in the form that RESTORE takes.
type dump struct {
	key, value string
	expires    time.Time // zero is never
}

// Run runs a command: a removal so that Undo can restore the keys, any other as Do does.
func (s *Session) Run(ctx context.Context, args []string) (store.Reply, error) {
	if err := s.take(ctx); err != nil {
		return store.Reply{}, err
	}
	defer s.give()
	if s.multi || len(args) < 2 {
		return s.do(ctx, args)
	}
	if Removes(args) {
		return s.remove(ctx, args)
	}
	return s.do(ctx, args)
}

// remove dumps the keys and removes them in one transaction, so that the dumps are the values that were removed.
func (s *Session) remove(ctx context.Context, args []string) (store.Reply, error) {
	keys := args[1:]
	if len(keys) == 1 && keys[0] == store.VisitsKey && !strings.EqualFold(args[0], "GETDEL") {
		if reply, done, err := s.resetCounter(ctx); done {
			return reply, err
		}
	}
	if !s.undoable(ctx, keys) {
		return s.removeWithoutUndo(ctx, args)
	}
	replies, err := s.transaction(ctx, dumpAndRemove(args))
	if err != nil {
		if s.conn == nil || s.conn.Err() != nil {
			s.multi = false // the user did not type MULTI, so the next command need not say that it is lost
		}
		return store.Reply{}, err
	}
	if replies == nil {
		return s.removeWithoutUndo(ctx, args)
	}
	last := replies[len(replies)-1]
	if last.Kind == store.Error {
		return last, nil
	}
	u := &undo{db: s.db}
	seen := map[string]bool{}
	for i, key := range keys {
		if seen[key] {
			continue
		}
		seen[key] = true
		u.add(key, replies[2*i], replies[2*i+1])
	}
	if len(u.keys) > 0 || len(u.lost) > 0 {
		s.undo = u
	}
	return last, nil
}

// removeWithoutUndo removes the keys and forgets the removal before, which is no longer the last one.
func (s *Session) removeWithoutUndo(ctx context.Context, args []string) (store.Reply, error) {
	s.undo = nil
	return s.do(ctx, args)
}

// add adds a key with the replies to DUMP and PTTL.
func (u *undo) add(key string, value, ttl store.Reply) {
	switch value.Kind {
	case store.String:
		d := dump{key: key, value: value.Text}
		if ttl.Kind == store.Integer && ttl.Int >= 0 {
			d.expires = time.Now().Add(time.Duration(ttl.Int) * time.Millisecond)
		}
		u.keys = append(u.keys, d)
	case store.Error:
		u.lost = append(u.lost, Quote(key))
	}
}

// undoable reports whether a removal of keys can be undone. While keys are watched it cannot: its transaction would end the watch.
func (s *Session) undoable(ctx context.Context, keys []string) bool {
	return !s.watching && len(keys) <= maxUndoKeys && s.small(ctx, keys)
}

// resetCounter resets the visit counter as `stackctl reset` does. done is false for a counter that is not a number, which is removed
// like any other key.
func (s *Session) resetCounter(ctx context.Context) (reply store.Reply, done bool, err error) {
	if _, _, err := s.side().Visits(ctx); fault.Of(err) == fault.NotANumber {
		return store.Reply{}, false, nil
	}
	_, existed, err := s.side().Reset(ctx)
	if err != nil {
		return store.Reply{}, true, err
	}
	if !existed {
		return store.Reply{Kind: store.Integer}, true, nil
	}
	s.undo = &undo{db: s.db, counter: true}
	return store.Reply{Kind: store.Integer, Int: 1}, true, nil
}

// small reports whether the keys together are small enough to be kept. It assumes so if the server does not say their sizes.
func (s *Session) small(ctx context.Context, keys []string) bool {
	infos, err := s.side().KeyInfos(ctx, keys)
	if err != nil {
		return false
	}
	total := int64(0)
	for _, k := range infos {
		total += k.Size
	}
	return total <= maxUndoBytes
}

func dumpAndRemove(args []string) [][]string {
	var commands [][]string
	for _, key := range args[1:] {
		commands = append(commands, []string{"DUMP", key}, []string{"PTTL", key})
	}
	return append(commands, args)
}

// transaction runs commands in MULTI and EXEC, and returns their replies, or nil if one was refused and so none was run.
func (s *Session) transaction(ctx context.Context, commands [][]string) ([]store.Reply, error) {
	begun, err := s.do(ctx, []string{"MULTI"})
	if err != nil || begun.Kind == store.Error {
		return nil, err
	}
	for _, c := range commands {
		queued, err := s.do(ctx, c)
		if err != nil {
			return nil, err
		}
		if queued.Kind == store.Error {
			_, err := s.do(ctx, []string{"DISCARD"})
			return nil, err
		}
	}
	done, err := s.do(ctx, []string{"EXEC"})
	switch {
	case err != nil:
		return nil, err
	case len(done.Elems) != len(commands): // an error, and nothing was run
		return nil, nil
	}
	return done.Elems, nil
}

// Undo restores the keys of the last removal, and says which. A key that exists again is not changed.
func (s *Session) Undo(ctx context.Context) (string, error) {
	if err := s.take(ctx); err != nil {
		return "", err
	}
	defer s.give()
	u := s.undo
	switch {
	case s.multi:
		return "", errors.New("undoing: a transaction is open; end it with EXEC or DISCARD")
	case u == nil:
		return "", ErrNothingToUndo
	case u.db != s.db:
		return "", fmt.Errorf("undoing: that was in database %d; go there with SELECT %[1]d", u.db)
	}
	if u.counter {
		from, to, err := s.side().Undo(ctx)
		if err != nil {
			return "", err
		}
		s.undo = nil
		return fmt.Sprintf("%s: %d -> %d", store.VisitsKey, from, to), nil
	}
	return s.restore(ctx, u)
}

// restore restores the keys of a removal. After a failure, the keys that are still missing can be restored by another Undo.
func (s *Session) restore(ctx context.Context, u *undo) (string, error) {
	var restored, kept, expired []string
	for i, d := range u.keys {
		ttl := int64(0) // never expires
		if !d.expires.IsZero() {
			if ttl = time.Until(d.expires).Milliseconds(); ttl <= 0 {
				expired = append(expired, Quote(d.key))
				continue
			}
		}
		reply, err := s.do(ctx, []string{"RESTORE", d.key, strconv.FormatInt(ttl, 10), d.value})
		if err == nil && reply.Kind == store.Error && !strings.HasPrefix(reply.Text, "BUSYKEY") {
			err = fmt.Errorf("restoring key %s: %w", Quote(d.key), reply.Err())
		}
		if err != nil {
			s.undo = &undo{db: u.db, keys: u.keys[i:], lost: u.lost}
			return "", fmt.Errorf("%w; restored so far: %s", err, list(restored))
		}
		if reply.Kind == store.Error {
			kept = append(kept, Quote(d.key))
		} else {
			restored = append(restored, Quote(d.key))
		}
	}
	s.undo = nil
	text := "restored " + list(restored)
	for _, rest := range []struct {
		why  string
		keys []string
	}{{"not changed, because they exist again", kept}, {"already expired", expired}, {"lost, because the server could not dump them", u.lost}} {
		if len(rest.keys) > 0 {
			text += "; " + rest.why + ": " + list(rest.keys)
		}
	}
	return text, nil
}

// list joins names, at most ten of them.
func list(names []string) string {
	switch {
	case len(names) == 0:
		return "nothing"
	case len(names) > maxDescribed:
		return strings.Join(names[:maxDescribed], " ") + fmt.Sprintf(" and %d more", len(names)-maxDescribed)
	}
	return strings.Join(names, " ")
}
