package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/retry"
)

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b retry.Backoff
		wait := func(early <-chan struct{}) time.Duration {
			began := time.Now()
			if err := b.Wait(t.Context(), early); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		for i, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
			if got := wait(nil); got != want*time.Millisecond {
				t.Errorf("pause %d is %v, want %v ms", i, got, want)
			}
		}
		time.Sleep(9 * time.Second)
		if got := wait(nil); got != 5*time.Second {
			t.Errorf("after a short try the pause is %v", got)
		}
		time.Sleep(10 * time.Second)
		if got := wait(nil); got != 100*time.Millisecond {
			t.Errorf("after a try that has lasted the pause is %v", got)
		}
		early := make(chan struct{})
		close(early)
		if got := wait(early); got != 0 {
			t.Errorf("a pause that was ended early took %v", got)
		}
		if got := wait(nil); got != 400*time.Millisecond {
			t.Errorf("the pause after it is %v, want twice what it would have been", got)
		}
		b.Reset()
		if got := wait(nil); got != 100*time.Millisecond {
			t.Errorf("after a reset the pause is %v", got)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := retry.Wait(ctx, time.Hour, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v", err)
	}
}
