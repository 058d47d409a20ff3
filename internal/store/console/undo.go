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

// What is kept of one removal at the most.
const (
	maxUndoKeys  = 1000
	maxUndoBytes = 16 << 20
)

// ErrNothingToUndo says that nothing was removed here that could be given back.
var ErrNothingToUndo = errors.New("nothing to undo: no key was removed here since the last undo")

// undo is the last removal.
type undo struct {
	db      int
	counter bool // it was the visit counter's reset, which Redis itself remembers
	keys    []dump
	lost    []string // keys that the server would not dump
}

// dump is a key as it was, in the form that RESTORE takes.
type dump struct {
	key, value string
	expires    time.Time // zero is never
}

// Run carries out a command: a removal so that Undo can take it back, anything else as Do does.
func (s *Session) Run(ctx context.Context, args []string) (store.Reply, error) {
	if err := s.take(ctx); err != nil {
		return store.Reply{}, err
	}
	defer s.give()
	if s.multi || len(args) < 2 {
		return s.do(ctx, args)
	}
	switch strings.ToUpper(args[0]) {
	case "DEL", "UNLINK", "GETDEL":
		return s.remove(ctx, args)
	}
	return s.do(ctx, args)
}

// remove dumps the keys and removes them in one transaction, so that what is kept is what was removed.
func (s *Session) remove(ctx context.Context, args []string) (store.Reply, error) {
	keys := args[1:]
	if len(keys) == 1 && keys[0] == store.VisitsKey && !strings.EqualFold(args[0], "GETDEL") {
		if reply, done, err := s.resetCounter(ctx); done {
			return reply, err
		}
	}
	if !s.keeps(ctx, keys) {
		return s.removeForGood(ctx, args)
	}
	replies, err := s.transaction(ctx, removal(args))
	if err != nil {
		if s.conn == nil || s.conn.Err() != nil {
			s.multi = false // nobody typed MULTI, so nobody is to hear that it is lost
		}
		return store.Reply{}, err
	}
	if replies == nil {
		return s.removeForGood(ctx, args)
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

// removeForGood removes without a way back: what could be undone before is not the last removal any more.
func (s *Session) removeForGood(ctx context.Context, args []string) (store.Reply, error) {
	s.undo = nil
	return s.do(ctx, args)
}

// add keeps a key by the replies to DUMP and PTTL.
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

// keeps reports whether a removal of keys can be undone. A transaction of its own would end the watch for the one that is to come.
func (s *Session) keeps(ctx context.Context, keys []string) bool {
	return !s.watching && len(keys) <= maxUndoKeys && s.small(ctx, keys)
}

// resetCounter removes the visit counter as `stackctl reset` does; done is false for a counter that is no number: it goes as any key.
func (s *Session) resetCounter(ctx context.Context) (reply store.Reply, done bool, err error) {
	if _, _, err := s.aux().Visits(ctx); fault.Of(err) == fault.NotANumber {
		return store.Reply{}, false, nil
	}
	_, existed, err := s.aux().Reset(ctx)
	if err != nil {
		return store.Reply{}, true, err
	}
	if !existed {
		return store.Reply{Kind: store.Integer}, true, nil
	}
	s.undo = &undo{db: s.db, counter: true}
	return store.Reply{Kind: store.Integer, Int: 1}, true, nil
}

// small reports whether the keys are few bytes enough to be kept. Where the server does not tell sizes they are taken to be.
func (s *Session) small(ctx context.Context, keys []string) bool {
	infos, err := s.aux().KeyInfos(ctx, keys)
	if err != nil {
		return false
	}
	total := int64(0)
	for _, k := range infos {
		total += k.Size
	}
	return total <= maxUndoBytes
}

func removal(args []string) [][]string {
	var commands [][]string
	for _, key := range args[1:] {
		commands = append(commands, []string{"DUMP", key}, []string{"PTTL", key})
	}
	return append(commands, args)
}

// transaction runs commands in MULTI and EXEC, and returns their replies; none if one of them is refused, and so none was run.
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

// Undo gives back what the last removal took, and says what. A key that exists again is left as it is.
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
		from, to, err := s.aux().Undo(ctx)
		if err != nil {
			return "", err
		}
		s.undo = nil
		return fmt.Sprintf("%s: %d -> %d", store.VisitsKey, from, to), nil
	}
	return s.restore(ctx, u)
}

// restore gives back the keys of a removal, which is then done with, but for those that a failure kept from it.
func (s *Session) restore(ctx context.Context, u *undo) (string, error) {
	var restored, kept, expired []string
	for i, d := range u.keys {
		ttl := int64(0) // for good
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
	}{{"left as they are, since they exist again", kept}, {"expired meanwhile", expired}, {"gone, since the server could not dump them", u.lost}} {
		if len(rest.keys) > 0 {
			text += "; " + rest.why + ": " + list(rest.keys)
		}
	}
	return text, nil
}

// list writes names, the first ten of them.
func list(names []string) string {
	switch {
	case len(names) == 0:
		return "nothing"
	case len(names) > maxDescribed:
		return strings.Join(names[:maxDescribed], " ") + fmt.Sprintf(" and %d more", len(names)-maxDescribed)
	}
	return strings.Join(names, " ")
}
