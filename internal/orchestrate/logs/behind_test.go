package logs

import (
	"testing"
	"time"
)

// TestBehind reads a log of 1,000 lines a second, some of it late.
func TestBehind(t *testing.T) {
	start := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	now := start
	b := behind{limit: 100 * time.Millisecond, now: func() time.Time { return now }}
	jumps := 0
	read := func(from, to int, late time.Duration) {
		for i := from; i < to; i++ {
			at := start.Add(time.Duration(i) * time.Millisecond)
			now = at.Add(late)
			if b.line(at) {
				jumps++
			}
		}
	}
	read(0, 3000, 30*time.Millisecond)
	read(3000, 3060, 500*time.Millisecond) // a moment only
	read(3060, 4000, 20*time.Millisecond)
	if jumps != 0 {
		t.Fatalf("%d jumps of a log that is read in time", jumps)
	}
	read(4000, 4120, 300*time.Millisecond)
	if jumps != 1 {
		t.Fatalf("%d jumps of a log that is read late", jumps)
	}
	landed := b.last.Add(2 * time.Second)
	if about := b.landed(landed); about < 1800 || about > 2200 {
		t.Errorf("a gap of 2 s at 1,000 lines a second is about %d lines", about)
	}
	if about := b.landed(landed); about != 0 {
		t.Errorf("without a jump %d lines are left out", about)
	}
}

func TestAnotherClockIsNotLate(t *testing.T) {
	start := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	now := start
	b := behind{limit: 100 * time.Millisecond, now: func() time.Time { return now }}
	for i := range 5000 {
		at := start.Add(time.Duration(i) * time.Millisecond)
		now = at.Add(time.Hour) // the engine's clock is an hour behind
		if b.line(at) {
			t.Fatal("it jumps")
		}
	}
	off := behind{now: time.Now}
	for range 1000 {
		if off.line(time.Unix(0, 0)) {
			t.Fatal("it jumps without being asked to")
		}
	}
}
