package visits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLedger is Redis as the counter knows it, with faults: fault is asked before each booking.
type fakeLedger struct {
	mu      sync.Mutex
	visits  int64
	known   map[string][2]int64
	booked  []int64 // the sizes of the batches
	tries   int
	fault   func(try int) outcome
	entered chan struct{} // if not nil, a booking waits between the two
	release chan struct{}
}

type outcome int

const (
	fine outcome = iota
	refusedIt
	lostBefore // and nobody can tell it from lostAfter
	lostAfter
	forgot
)

var errLost = errors.New("connection lost")

func newFakeLedger() *fakeLedger { return &fakeLedger{known: map[string][2]int64{}} }

func (l *fakeLedger) register(context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := fmt.Sprint("p", len(l.known))
	l.known[name] = [2]int64{}
	return name, nil
}

func (l *fakeLedger) book(ctx context.Context, b batch) (int64, error) {
	if l.entered != nil {
		select {
		case l.entered <- struct{}{}:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		<-l.release
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tries++
	is := fine
	if l.fault != nil {
		is = l.fault(l.tries)
	}
	switch is {
	case refusedIt:
		return 0, errNotBooked
	case lostBefore:
		return 0, errLost
	case forgot:
		clear(l.known)
	}
	last, ok := l.known[b.process]
	switch {
	case !ok || last[0] > b.number:
		return 0, errForgotten
	case last[0] < b.number:
		l.visits += b.visits
		l.known[b.process] = [2]int64{b.number, l.visits}
		l.booked = append(l.booked, b.visits)
	}
	if is == lostAfter {
		return 0, errLost
	}
	return l.known[b.process][1], nil
}

func counterOn(t testing.TB, l ledger, timeout time.Duration) *counter {
	c := newCounter(l, timeout, newMetrics())
	t.Cleanup(c.close)
	return c
}

func TestAVisitAloneIsABatch(t *testing.T) {
	l := newFakeLedger()
	c := counterOn(t, l, time.Second)
	for want := int64(1); want <= 3; want++ {
		if n, err := c.next(t.Context()); n != want || err != nil {
			t.Errorf("got %d %v, want %d", n, err, want)
		}
	}
	if !slices.Equal(l.booked, []int64{1, 1, 1}) {
		t.Errorf("batches %v", l.booked)
	}
}

// Who comes while a batch is under way is in the next one.
func TestVisitsThatWaitShareABatch(t *testing.T) {
	l := newFakeLedger()
	l.entered, l.release = make(chan struct{}), make(chan struct{})
	c := counterOn(t, l, time.Minute)
	numbers := make(chan int64, 101)
	visit := func() {
		n, err := c.next(t.Context())
		if err != nil {
			t.Error(err)
		}
		numbers <- n
	}
	go visit()
	<-l.entered
	for range 100 {
		go visit()
	}
	tiertest.WaitFor(t, "100 visits", func() bool { return c.queued() == 101 })
	l.release <- struct{}{}
	<-l.entered
	l.release <- struct{}{}
	var got []int64
	for range 101 {
		got = append(got, <-numbers)
	}
	slices.Sort(got)
	if got[0] != 1 || got[100] != 101 || len(slices.Compact(got)) != 101 {
		t.Errorf("numbers %v", got)
	}
	if !slices.Equal(l.booked, []int64{1, 100}) {
		t.Errorf("batches %v", l.booked)
	}
	if n := c.queued(); n != 0 {
		t.Errorf("%d are still waiting", n)
	}
}

func TestFaults(t *testing.T) {
	after := func(outcomes ...outcome) func(int) outcome {
		return func(try int) outcome {
			if try <= len(outcomes) {
				return outcomes[try-1]
			}
			return fine
		}
	}
	tests := map[string]struct {
		fault func(int) outcome
		err   error
		first int64 // the number that the first visit gets
		next  int64 // and the one after it
	}{
		"none":                         {nil, nil, 1, 2},
		"refused":                      {after(refusedIt, refusedIt, refusedIt), nil, 1, 2},
		"lost before it was booked":    {after(lostBefore, lostBefore), nil, 1, 2},
		"lost after it was booked":     {after(lostAfter, lostAfter), nil, 1, 2},
		"forgotten before it was sent": {after(forgot), nil, 1, 2},
		"forgotten, perhaps booked":    {after(lostBefore, forgot), ErrUnknown, 0, 1},
		"forgotten after it was booked": {
			after(lostAfter, forgot), ErrUnknown, 0, 2,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := newFakeLedger()
			l.fault = tt.fault
			c := counterOn(t, l, time.Minute)
			if n, err := c.next(t.Context()); n != tt.first || !errors.Is(err, tt.err) {
				t.Errorf("got %d %v", n, err)
			}
			if n, err := c.next(t.Context()); n != tt.next || err != nil {
				t.Errorf("afterwards: %d %v", n, err)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLedger()
		away := true
		l.fault = func(int) outcome {
			if away {
				return refusedIt
			}
			return fine
		}
		c := newCounter(l, 5*time.Second, newMetrics())
		defer c.close()
		start := time.Now()
		if _, err := c.next(t.Context()); !errors.Is(err, ErrTimeout) || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		// It comes back while somebody waits.
		go func() {
			time.Sleep(3 * time.Second)
			l.mu.Lock()
			defer l.mu.Unlock()
			away = false
		}()
		start = time.Now()
		if n, err := c.next(t.Context()); n != 1 || err != nil || time.Since(start) > 3*time.Second+maxBackoff {
			t.Errorf("got %d %v after %s", n, err, time.Since(start))
		}
	})
}

// A client that leaves before its batch was sent is not counted; one that leaves after is, and nobody else gets its number.
func TestClientsThatLeave(t *testing.T) {
	l := newFakeLedger()
	l.entered, l.release = make(chan struct{}), make(chan struct{})
	c := counterOn(t, l, time.Minute)
	visit := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		go func() {
			_, err := c.next(ctx)
			done <- err
		}()
		return done
	}
	sent, leaveSent := context.WithCancel(t.Context())
	first := visit(sent)
	<-l.entered
	waiting, leaveWaiting := context.WithCancel(t.Context())
	second, third := visit(waiting), visit(t.Context())
	tiertest.WaitFor(t, "both", func() bool { return c.queued() == 3 })
	leaveSent()
	leaveWaiting()
	for _, done := range []chan error{first, second} {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	l.release <- struct{}{}
	<-l.entered
	l.release <- struct{}{}
	if err := <-third; err != nil {
		t.Error(err)
	}
	if !slices.Equal(l.booked, []int64{1, 1}) {
		t.Errorf("batches %v", l.booked)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	l := newFakeLedger()
	l.entered, l.release = make(chan struct{}), make(chan struct{})
	c := counterOn(t, l, time.Minute)
	var wg sync.WaitGroup
	for range maxWaiting {
		wg.Go(func() {
			if _, err := c.next(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	tiertest.WaitFor(t, "a full queue", func() bool { return c.queued() == maxWaiting })
	if _, err := c.next(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	go func() {
		for range l.entered {
			l.release <- struct{}{}
		}
	}()
	wg.Wait()
	if l.visits != maxWaiting {
		t.Errorf("%d visits", l.visits)
	}
	if _, err := c.next(t.Context()); err != nil {
		t.Error(err)
	}
	c.close()
	close(l.entered)
}

func TestCloseEndsThoseWhoWait(t *testing.T) {
	l := newFakeLedger()
	l.fault = func(int) outcome { return refusedIt }
	c := counterOn(t, l, time.Minute)
	done := make(chan error, 1)
	go func() {
		_, err := c.next(t.Context())
		done <- err
	}()
	tiertest.WaitFor(t, "the visit", func() bool { return c.queued() == 1 })
	c.close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := c.next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("afterwards: %v", err)
	}
}

// Whatever Redis does, numbers are distinct, none is above the counter, and what was counted beyond the answers is no
// more than the errors.
func TestAnyFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		faults := rapid.SliceOfN(rapid.SampledFrom([]outcome{fine, refusedIt, lostBefore, lostAfter, forgot}), 1, 30).Draw(rt, "faults")
		visitors := rapid.IntRange(1, 20).Draw(rt, "visitors")
		l := newFakeLedger()
		l.fault = func(try int) outcome {
			if try <= len(faults) {
				return faults[try-1]
			}
			return fine
		}
		c := newCounter(l, time.Minute, newMetrics())
		defer c.close()
		var mu sync.Mutex
		var numbers []int64
		errs := int64(0)
		var wg sync.WaitGroup
		for range visitors {
			wg.Go(func() {
				for range 5 {
					n, err := c.next(context.Background())
					mu.Lock()
					if err == nil {
						numbers = append(numbers, n)
					} else {
						errs++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		slices.Sort(numbers)
		if len(slices.Compact(slices.Clone(numbers))) != len(numbers) || len(numbers) > 0 && numbers[len(numbers)-1] > l.visits {
			rt.Errorf("numbers %v of %d", numbers, l.visits)
		}
		if unseen := l.visits - int64(len(numbers)); unseen < 0 || unseen > errs {
			rt.Errorf("%d were counted, %d answered, %d failed", l.visits, len(numbers), errs)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	c := counterOn(b, newFakeLedger(), time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNextOf64(b *testing.B) {
	c := counterOn(b, newFakeLedger(), time.Minute)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.next(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
