package ready

import (
	"context"
	"fmt"
	"time"
)

// A wait says what it waits for when it takes longer than firstWord, and then every nextWord.
const (
	firstWord = 2 * time.Second
	nextWord  = 30 * time.Second
)

// Waited bounds a wait by what becomes known about a container while it is waited for, and tells of it.
type Waited struct {
	began, next time.Time
	limit       time.Duration // the last one
	tell        func(detail string)
}

// NewWaited begins a wait.
func NewWaited(tell func(string)) *Waited {
	now := time.Now()
	return &Waited{began: now, next: now.Add(firstWord), tell: tell}
}

// GoOn fails with context.DeadlineExceeded when the wait has taken longer than limit; 0 is none.
func (w *Waited) GoOn(until string, limit time.Duration) error {
	w.limit = limit
	now := time.Now()
	if limit > 0 && now.Sub(w.began) >= limit {
		return context.DeadlineExceeded
	}
	if now.Before(w.next) {
		return nil
	}
	w.next = now.Add(nextWord)
	atMost := "without a limit"
	if limit > 0 {
		atMost = fmt.Sprintf("at most %s", limit.Round(time.Second))
	}
	w.tell(fmt.Sprintf("until it %s, %s", until, atMost))
	return nil
}

// TooLong is the error of a wait for a container that was in vain.
type TooLong string

func (e TooLong) Error() string { return string(e) }
