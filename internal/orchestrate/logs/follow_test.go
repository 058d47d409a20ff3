package logs_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// follower runs Stream in a synctest bubble, where waiting costs no time.
type follower struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan error

	mu    sync.Mutex
	lines []logs.Line
	warns []string
}

func follow(t *testing.T, e *fakeEngine, o logs.Options) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{t: t, cancel: cancel, done: make(chan error, 1)}
	o.Project, o.Follow = "p", true
	o.Warn = func(name string, err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.warns = append(f.warns, name+": "+err.Error())
	}
	go func() {
		f.done <- logs.Stream(ctx, e, o, func(l logs.Line) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.lines = append(f.lines, l)
			return nil
		})
	}()
	f.settle(time.Second)
	return f
}

// settle lets the time pass.
func (f *follower) settle(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// take returns what came since the last call.
func (f *follower) take() string {
	f.settle(time.Second)
	f.mu.Lock()
	defer f.mu.Unlock()
	got := texts(f.lines)
	f.lines = nil
	return got
}

func (f *follower) want(lines string) {
	f.t.Helper()
	if got := f.take(); got != lines {
		f.t.Errorf("lines %q, want %q", got, lines)
	}
}

func (f *follower) end() {
	f.t.Helper()
	f.cancel()
	if err := <-f.done; !errors.Is(err, context.Canceled) {
		f.t.Errorf("following ended with %v, want context.Canceled", err)
	}
}

func bubble(t *testing.T, name string, test func(t *testing.T, e *fakeEngine)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newEngine()) })
	})
}

func TestFollow(t *testing.T) {
	bubble(t, "history then live", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.out(web, at(1), "old\n")
		e.out(web, at(1), "twin\n") // of the same time, and neither comes again
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		f.want("old twin")
		e.out(web, at(1), "triplet\n")
		e.out(web, at(2), "new\n")
		f.want("triplet new")
	})
	bubble(t, "restart", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		var want []string
		for run := range 5 {
			want = want[:0]
			for i := range 300 { // more than are remembered
				text := fmt.Sprintf("%d.%d", run, i)
				want = append(want, text)
				e.out(web, at(run*1000+i/3), text+"\n") // three of each time
				if i == 200 {
					f.settle(10 * time.Millisecond)
				}
			}
			e.stop(web)
			e.start(web)
			f.want(strings.Join(want, " "))
		}
	})
	bubble(t, "stopped for long", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.out(web, at(1), "old\n")
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		f.want("old")
		f.settle(time.Hour)
		e.out(web, at(2), "before the event\n")
		e.start(web)
		e.out(web, at(3), "after it\n")
		f.want("before the event after it")
	})
	bubble(t, "line written after a later one", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.err(web, at(5), "five\n")
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		f.want("five")
		e.out(web, at(4), "four\n") // stdout was stamped first and written second, and history was read in between
		e.out(web, at(6), "six\n")
		e.start(web)
		f.want("four six")
	})
	bubble(t, "new replica", func(t *testing.T, e *fakeEngine) {
		e.start(e.create("web", 1))
		f := follow(t, e, logs.Options{Tail: 0, Services: []string{"web"}})
		defer f.end()
		second, other := e.create("web", 2), e.create("redis", 1)
		e.out(second, at(1), "all of it\n")
		e.out(other, at(1), "not wanted\n")
		e.start(second)
		e.start(other)
		f.want("all of it")
	})
	bubble(t, "recreated", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.out(web, at(1), "old\n")
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		e.out(web, at(2), "last words\n")
		e.stop(web)
		f.want("old last words")
		e.remove(web)
		web = e.create("web", 1)
		web.id = "another"
		e.change(func() { delete(e.containers, "p-web-1"); e.containers["another"] = web; e.order = []string{"another"} })
		e.out(web, at(1), "again\n")
		e.start(web)
		f.want("again")
	})
	bubble(t, "tail 0", func(t *testing.T, e *fakeEngine) {
		web, empty := e.create("web", 1), e.create("web", 2)
		e.out(web, at(1), "old\n")
		e.out(web, at(2), "last\n")
		e.start(web)
		e.start(empty)
		f := follow(t, e, logs.Options{Tail: 0})
		defer f.end()
		f.want("")
		e.out(web, at(3), "new\n")
		e.out(empty, at(1), "first\n")
		f.want("first new")
		e.stop(web)
		e.out(web, at(4), "more\n")
		e.start(web)
		f.want("more")
	})
	bubble(t, "line cut by the end of history", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.out(web, at(1), "whole\n")
		e.out(web, at(2), "half")
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		f.want("whole")
		e.out(web, at(2), " and half\n")
		f.want("half and half")
		e.out(web, at(3), "no newline")
		e.stop(web)
		f.want("no newline")
	})
	bubble(t, "engine that ends the log with the container", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		web.abrupt = true
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		e.out(web, at(1), "a\n")
		f.want("a")
		e.change(func() {
			web.messages = append(web.messages, message{at(2), 1, "last\n"}, message{at(3), 2, "words\n"})
			web.running = false
		})
		f.want("last words")
		e.out(web, at(4), "again\n")
		e.start(web)
		f.want("again")
	})
	bubble(t, "rotated file that comes again", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		web.replayAfter = 2000
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		var want []string
		for i := range 3000 {
			want = append(want, strconv.Itoa(i))
			e.out(web, at(i), want[i]+"\n")
		}
		f.want(strings.Join(want, " "))
		e.out(web, at(3000), "on\n")
		f.want("on")
	})
	bubble(t, "clock set back", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		var old, set []string
		for i := range 600 {
			old = append(old, strconv.Itoa(i))
			e.out(web, at(i), old[i]+"\n")
		}
		f.want(strings.Join(old, " "))
		for i := range 600 {
			set = append(set, "back"+strconv.Itoa(i))
			e.out(web, at(i-3_600_000), set[i]+"\n")
			if i == 0 {
				f.settle(time.Second) // it is alone when it is looked at
			}
		}
		f.want(strings.Join(set, " "))
	})
	bubble(t, "emit fails", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.out(web, at(1), "a\n")
		e.start(web)
		broken := errors.New("broken pipe")
		err := logs.Stream(t.Context(), e, logs.Options{Project: "p", Follow: true, Tail: -1}, func(logs.Line) error { return broken })
		if !errors.Is(err, broken) {
			t.Errorf("Stream = %v", err)
		}
	})
}

func TestFollowOrder(t *testing.T) {
	bubble(t, "within the window", func(t *testing.T, e *fakeEngine) {
		web, redis := e.create("web", 1), e.create("redis", 1)
		e.start(web)
		e.start(redis)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		e.out(web, at(20), "second\n")
		f.settle(80 * time.Millisecond)
		e.out(redis, at(10), "first\n")
		f.want("first second")
	})
	bubble(t, "not held up by the silent", func(t *testing.T, e *fakeEngine) {
		web, redis := e.create("web", 1), e.create("redis", 1)
		e.start(web)
		e.start(redis)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		e.out(web, at(1), "line\n")
		f.settle(110 * time.Millisecond)
		f.mu.Lock()
		n := len(f.lines)
		f.mu.Unlock()
		if n != 1 {
			t.Errorf("%d lines after the window, want 1", n)
		}
	})
	bubble(t, "alone at once", func(t *testing.T, e *fakeEngine) {
		web, stopped := e.create("web", 1), e.create("redis", 1)
		e.out(stopped, at(1), "old\n")
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		f.want("old")
	})
	bubble(t, "more than the window holds", func(t *testing.T, e *fakeEngine) {
		web, redis := e.create("web", 1), e.create("redis", 1)
		e.start(web)
		e.start(redis)
		f := follow(t, e, logs.Options{Tail: 0})
		defer f.end()
		for i := range 20_000 {
			e.out(web, at(i), "x\n")
		}
		f.settle(time.Second)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.lines) != 20_000 {
			t.Errorf("%d lines came, want 20,000", len(f.lines))
		}
	})
}

func TestFollowRecovers(t *testing.T) {
	bubble(t, "connection of a log cut", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		web.cuts, web.cutAfter = 6, 2
		e.start(web)
		for i := range 9 {
			e.out(web, at(i), fmt.Sprintf("%d\n", i))
		}
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		f.settle(time.Minute)
		e.out(web, at(10), "after\n")
		f.want("0 1 2 3 4 5 6 7 8 after")
		if len(f.warns) == 0 || !strings.HasPrefix(f.warns[0], `p-web-1: reading logs of "p-web-1"`) {
			t.Errorf("warnings %q", f.warns)
		}
	})
	bubble(t, "events lost", func(t *testing.T, e *fakeEngine) {
		web := e.create("web", 1)
		e.start(web)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		e.out(web, at(1), "a\n")
		e.stop(web)
		f.want("a")
		e.change(func() { e.eventsErr, e.listErr = errors.New("engine is away"), errors.New("engine is away") })
		e.breakEvents()
		e.out(web, at(2), "b\n")
		e.start(web) // nobody hears it
		second := e.create("web", 2)
		e.out(second, at(3), "c\n")
		e.start(second)
		f.want("")
		e.change(func() { e.eventsErr, e.listErr = nil, nil })
		f.settle(10 * time.Second)
		f.want("b c")
		e.out(web, at(4), "d\n")
		f.want("d")
		if len(f.warns) > 12 {
			t.Errorf("%d tries in 12 seconds: %q", len(f.warns), f.warns)
		}
	})
	bubble(t, "log driver that cannot be read", func(t *testing.T, e *fakeEngine) {
		web, redis := e.create("web", 1), e.create("redis", 1)
		redis.unreadable = fmt.Errorf("driver none: %w", errdefs.ErrNotImplemented)
		e.start(web)
		e.start(redis)
		f := follow(t, e, logs.Options{Tail: -1})
		defer f.end()
		e.out(web, at(1), "a\n")
		f.settle(time.Minute)
		f.want("a")
		if len(f.warns) != 1 {
			t.Errorf("warnings %q, want one", f.warns)
		}
	})
}
