package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/tui/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func line(i int) logs.Line {
	return logs.Line{Time: began.Add(time.Duration(i) * time.Microsecond), Container: "p-web-1", Service: "web", Replica: 1, Text: []byte(strconv.Itoa(i))}
}

// program gathers what is sent, as a tea.Program does; while it is busy, send blocks.
type program struct {
	busy chan struct{} // while it holds something
	mu   sync.Mutex
	got  []tea.Msg
	at   []time.Time
}

func (p *program) send(m tea.Msg) {
	if p.busy != nil {
		p.busy <- struct{}{}
		defer func() { <-p.busy }()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, m)
	p.at = append(p.at, time.Now())
}

// count returns what was shown and skipped, and checks the order.
func (p *program) count(t *testing.T) (shown, skipped int) {
	t.Helper()
	last := -1
	for _, m := range p.got {
		b, ok := m.(feed.Batch)
		if !ok {
			continue
		}
		skipped += b.Skipped
		shown += len(b.Lines)
		for _, l := range b.Lines {
			i, _ := strconv.Atoi(string(l.Text))
			if i <= last {
				t.Fatalf("line %d comes after %d", i, last)
			}
			last = i
		}
		if len(b.Lines) > 5000 {
			t.Errorf("a batch of %d lines", len(b.Lines))
		}
	}
	return shown, skipped
}

func TestFirstLineIsQuickAndLoadIsBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		lines := make(chan logs.Line)
		p := &program{}
		tapped := 0
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			feed.Run(ctx, follow(lines), func(logs.Line) { tapped++ }, p.send)
		}()
		lines <- line(0)
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if len(p.got) != 1 || p.at[0].Sub(start) > 10*time.Millisecond {
			t.Fatalf("after 10 ms %d messages were sent", len(p.got))
		}
		for i := 1; i <= 10_000; i++ { // a second
			lines <- line(i)
			time.Sleep(100 * time.Microsecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(p.got); n > 18 || n < 10 { // the screen is to be drawn at most 20 times a second
			t.Errorf("%d batches in a second of load", n)
		}
		if shown, skipped := p.count(t); shown != 10_001 || skipped != 0 || tapped != 10_001 {
			t.Errorf("%d shown, %d skipped, %d tapped", shown, skipped, tapped)
		}
		cancel()
		<-done
	})
}

func follow(lines <-chan logs.Line) feed.Stream {
	return func(ctx context.Context, emit func(logs.Line) error) error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case l := <-lines:
				if err := emit(l); err != nil {
					return err
				}
			}
		}
	}
}

func TestBusyProgramLosesTheOldestCounted(t *testing.T) {
	for name, tt := range map[string]struct{ lines, size, keptAtLeast, keptAtMost int }{
		"many lines": {20_000, 0, 5000, 5001},
		"long lines": {100, 100_000, 20, 21},
		"huge lines": {5, 3 << 20, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				lines := make(chan logs.Line)
				p := &program{busy: make(chan struct{}, 1)}
				done := make(chan struct{})
				go func() {
					defer close(done)
					feed.Run(ctx, follow(lines), nil, p.send)
				}()
				p.busy <- struct{}{}
				lines <- line(0)
				time.Sleep(20 * time.Millisecond) // its batch is being sent, and stands
				for i := 1; i <= tt.lines; i++ {
					l := line(i)
					if tt.size > 0 {
						l.Text = append(l.Text, make([]byte, tt.size)...)
						for k := range l.Text[len(l.Text)-tt.size:] {
							l.Text[len(l.Text)-tt.size+k] = ' '
						}
						l.Text = append([]byte(nil), l.Text...)
					}
					lines <- l // never waits for the program
				}
				<-p.busy
				time.Sleep(time.Second)
				synctest.Wait()
				shown, skipped := 0, 0
				for _, m := range p.got {
					shown += len(m.(feed.Batch).Lines)
					skipped += m.(feed.Batch).Skipped
				}
				if shown+skipped != tt.lines+1 {
					t.Errorf("%d shown and %d skipped are not %d", shown, skipped, tt.lines+1)
				}
				if kept := shown - 1; kept < tt.keptAtLeast || kept > tt.keptAtMost {
					t.Errorf("%d lines were kept", kept)
				}
				last := p.got[len(p.got)-1].(feed.Batch)
				if newest := last.Lines[len(last.Lines)-1]; !newest.Time.Equal(line(tt.lines).Time) {
					t.Errorf("the newest line is of %v", newest.Time)
				}
				cancel()
				<-done
			})
		})
	}
}

func TestLostAndResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &program{}
		gone := errors.New("no engine")
		tries := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			feed.Run(ctx, func(ctx context.Context, emit func(logs.Line) error) error {
				if tries++; tries <= 8 {
					return gone
				}
				for i := range 5 {
					_ = emit(line(i))
				}
				<-ctx.Done()
				return ctx.Err()
			}, nil, p.send)
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		var got []string
		for _, m := range p.got {
			switch m := m.(type) {
			case feed.Batch:
				got = append(got, fmt.Sprintf("%d lines", len(m.Lines)))
			case feed.Lost:
				if !errors.Is(m.Err, gone) {
					t.Errorf("lost: %v", m.Err)
				}
				got = append(got, "lost "+m.Retry.String())
			case feed.Resumed:
				got = append(got, "resumed")
			}
		}
		want := "[lost 100ms lost 200ms lost 400ms lost 800ms lost 1.6s lost 3.2s lost 5s lost 5s 5 lines resumed]"
		if fmt.Sprint(got) != want {
			t.Errorf("got  %v\nwant %s", got, want)
		}
		p.count(t)
		cancel()
		<-done
	})
}

// Cancelling ends everything, also while the program is busy and its send returns only with the context.
func TestEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	sending := make(chan struct{}, 1)
	done := make(chan struct{})
	lines := make(chan logs.Line, 1)
	lines <- line(0)
	go func() {
		defer close(done)
		feed.Run(ctx, follow(lines), nil, func(tea.Msg) {
			sending <- struct{}{}
			<-ctx.Done()
		})
	}()
	<-sending
	cancel()
	<-done
}
