package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/bench/screen"
)

// toggle is a key that switches something, and a word that is on the screen only while it is on.
type toggle struct {
	on, off string
	word    string
}

// toggles are tried in this order; the first that shows its effect in a word is used.
var toggles = []toggle{{on: "w", off: "w"}, {on: "?", off: "?"}, {on: "?", off: "\x1b"}, {on: "T", off: "T"}}

const (
	// settled is how long after a key the screen must show its effect for it to be learnt.
	settled = 700 * time.Millisecond
	// keyLimit bounds the wait for a key's effect.
	keyLimit = 10 * time.Second
)

// someWord is a word without digits: numbers and times change all the time.
var someWord = regexp.MustCompile(`\p{L}{3,}`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range someWord.FindAllString(text, -1) {
		set[w] = true
	}
	return set
}

// learn finds out what a key shows, so that the harness need not know the program's words.
func learn(ctx context.Context, s *screen.Screen) (toggle, error) {
	for _, t := range toggles {
		var on, off []map[string]bool
		off = append(off, words(s.Text()))
		for range 2 {
			for _, key := range []string{t.on, t.off} {
				if _, err := s.Send(key); err != nil {
					return t, err
				}
				if err := pause(ctx, settled); err != nil {
					return t, err
				}
				if key == t.on && len(on) < len(off) {
					on = append(on, words(s.Text()))
				} else {
					off = append(off, words(s.Text()))
				}
			}
		}
		if t.word = telling(on, off); t.word != "" {
			return t, nil
		}
	}
	return toggle{}, fmt.Errorf("learning what a key shows: none of %q changes a word of the screen:\n%s", toggles, s.Text())
}

// telling is the longest word that is in all of on and in none of off.
func telling(on, off []map[string]bool) string {
	best := ""
	for _, w := range slices.Sorted(maps.Keys(on[0])) {
		all := !slices.ContainsFunc(on, func(set map[string]bool) bool { return !set[w] })
		none := !slices.ContainsFunc(off, func(set map[string]bool) bool { return set[w] })
		if all && none && len(w) > len(best) {
			best = w
		}
	}
	return best
}

// press sends the key and returns how long it took, in ms, until its effect was on the screen.
func (t toggle) press(ctx context.Context, s *screen.Screen) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, keyLimit)
	defer cancel()
	was := strings.Contains(s.Text(), t.word)
	key := t.on
	if was {
		key = t.off
	}
	sent, err := s.Send(key)
	if err != nil {
		return 0, err
	}
	shown, err := s.Wait(ctx, fmt.Sprintf("the effect of key %q", key), func(text string) bool { return strings.Contains(text, t.word) != was })
	if err != nil {
		return 0, err
	}
	return milli(shown.Sub(sent)), nil
}

// pressUntil presses at random times, about two a second, and leaves the screen as it was.
func (t toggle) pressUntil(ctx context.Context, s *screen.Screen, end time.Time) ([]float64, error) {
	var took []float64
	for n := 0; time.Now().Before(end) || n%2 == 1; n++ {
		if err := pause(ctx, time.Duration(200+rand.IntN(500))*time.Millisecond); err != nil {
			return took, err
		}
		ms, err := t.press(ctx, s)
		if ctx.Err() != nil {
			return took, ctx.Err()
		}
		if err != nil {
			return took, err
		}
		took = append(took, ms)
	}
	return took, nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
