package logs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }

func read(t *testing.T, e *fakeEngine, o logs.Options) []logs.Line {
	t.Helper()
	o.Project = "p"
	var lines []logs.Line
	err := logs.Stream(t.Context(), e, o, func(l logs.Line) error { lines = append(lines, l); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func texts(lines []logs.Line) string {
	all := make([]string, len(lines))
	for i, l := range lines {
		all[i] = string(l.Text)
	}
	return strings.Join(all, " ")
}

func wantTexts(t *testing.T, lines []logs.Line, want string) {
	t.Helper()
	if got := texts(lines); got != want {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func TestHistoryInTimeOrder(t *testing.T) {
	e := newEngine()
	web, redis, task := e.create("web", 1), e.create("redis", 1), e.create("task", 1)
	task.labels["com.docker.compose.oneoff"] = "True"
	e.start(web)
	e.out(web, at(1), "a\n")
	e.err(web, at(5), "e\n")
	e.out(redis, at(2), "b\n")
	e.out(redis, at(2), "c\n")
	e.out(redis, at(4), "d\r\n")
	e.out(redis, at(5), "same time\n") // p-redis-1 before p-web-1
	e.out(task, at(3), "one-off\n")

	lines := read(t, e, logs.Options{Tail: -1})
	wantTexts(t, lines, "a b c d same time e")
	want := logs.Line{Time: at(5), Container: "p-web-1", Service: "web", Replica: 1, Stderr: true, Text: []byte("e")}
	if diff := cmp.Diff(want, lines[5]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	wantTexts(t, read(t, e, logs.Options{Tail: 1}), "same time e")
	wantTexts(t, read(t, e, logs.Options{Tail: 0}), "")
	wantTexts(t, read(t, e, logs.Options{Tail: -1, Services: []string{"web", "none"}}), "a e")
	wantTexts(t, read(t, e, logs.Options{Tail: -1, Since: at(2).Format(time.RFC3339Nano), Until: at(4).Format(time.RFC3339Nano)}), "b c d")
	wantTexts(t, read(t, e, logs.Options{Tail: -1, Since: "2s", Now: func() time.Time { return at(2000) }}), "a b c d same time e")
	wantTexts(t, read(t, e, logs.Options{Tail: -1, Since: "1s", Now: func() time.Time { return at(2000) }}), "")
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []logs.Options{
		{},
		{Project: "p", Since: "yesterday"},
		{Project: "p", Until: "12.34.56"},
		{Project: "p", Follow: true, Until: "10m"},
	} {
		if err := logs.Stream(t.Context(), newEngine(), o, nil); err == nil {
			t.Errorf("Stream with %+v succeeded", o)
		}
	}
	e := newEngine()
	e.listErr = errors.New("no engine")
	for _, follow := range []bool{false, true} {
		if err := logs.Stream(t.Context(), e, logs.Options{Project: "p", Follow: follow}, nil); !errors.Is(err, e.listErr) {
			t.Errorf("Stream without an engine: %v", err)
		}
	}
}

func TestLongLines(t *testing.T) {
	const piece = 16 << 10
	for _, tty := range []bool{false, true} {
		t.Run(fmt.Sprintf("tty %v", tty), func(t *testing.T) {
			e := newEngine()
			web := e.create("web", 1)
			web.tty = tty
			for range 6 {
				e.out(web, at(1), strings.Repeat("x", piece))
			}
			e.out(web, at(1), "end\n")
			e.out(web, at(2), strings.Repeat("y", piece))
			e.out(web, at(2), "\n")
			for range 20 {
				e.out(web, at(3), strings.Repeat("z", piece))
			}
			e.out(web, at(3), "\n")
			e.out(web, at(4), "next\n")
			e.out(web, at(5), "no newline")
			var got []string
			for _, l := range read(t, e, logs.Options{Tail: -1}) {
				got = append(got, fmt.Sprintf("%s%d %v", l.Text[:1], len(l.Text), l.Truncated))
			}
			want := []string{"x98307 false", "y16384 false", "z262144 true", "n4 false", "n10 false"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestPartsOfBothStreams(t *testing.T) {
	e := newEngine()
	web := e.create("web", 1)
	e.out(web, at(1), "out ")
	e.err(web, at(2), "err ")
	e.err(web, at(3), "ends\n")
	e.out(web, at(4), "ends\n")
	e.out(web, at(5), "two\nlines\n")
	e.out(web, at(7), "late")
	e.err(web, at(6), "early")
	lines := read(t, e, logs.Options{Tail: -1})
	wantTexts(t, lines, "err ends out ends two lines early late")
	if !lines[0].Time.Equal(at(2)) || !lines[1].Time.Equal(at(1)) {
		t.Errorf("a line's time is %v and %v, want that of its first part", lines[0].Time, lines[1].Time)
	}
}

func TestUnreadableLogsDoNotHideOthers(t *testing.T) {
	e := newEngine()
	web, redis, broken := e.create("web", 1), e.create("redis", 1), e.create("nginx", 1)
	e.out(web, at(1), "a\n")
	redis.unreadable = errors.New("log driver cannot be read")
	e.out(broken, at(2), "b\n")
	e.write(broken, 3, at(3), "Error grabbing logs: unexpected EOF\n")
	var lines []logs.Line
	err := logs.Stream(t.Context(), e, logs.Options{Project: "p", Tail: -1}, func(l logs.Line) error { lines = append(lines, l); return nil })
	wantTexts(t, lines, "a b")
	if !errors.Is(err, redis.unreadable) || !strings.Contains(err.Error(), `"p-redis-1"`) || !strings.Contains(err.Error(), "grabbing logs") {
		t.Errorf("Stream: %v", err)
	}
}

func TestHistoryEnds(t *testing.T) {
	e := newEngine()
	web := e.create("web", 1)
	for i := range 100_000 {
		e.out(web, at(i), "line\n")
	}
	stop := errors.New("enough")
	n := 0
	err := logs.Stream(t.Context(), e, logs.Options{Project: "p", Tail: -1}, func(logs.Line) error {
		if n++; n == 10 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 10 {
		t.Errorf("Stream = %v after %d lines", err, n)
	}
	e.mu.Lock()
	served := e.served
	e.mu.Unlock()
	if served > 20_000 {
		t.Errorf("%d lines were read ahead", served)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = logs.Stream(ctx, e, logs.Options{Project: "p", Tail: -1}, func(logs.Line) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Stream after cancel = %v", err)
	}
}

// However the lines are spread, the merge is the stable sort of all of them.
func TestMergeSorts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := newEngine()
		var want []string
		type stamped struct {
			ms         int
			name, text string
		}
		var all []stamped
		for n := range rapid.IntRange(1, 6).Draw(rt, "containers") {
			c := e.create("web", n+1)
			ms := 0
			for i, step := range rapid.SliceOfN(rapid.IntRange(0, 3), 0, 40).Draw(rt, "steps") {
				ms += step
				text := fmt.Sprintf("%d.%d", n, i)
				e.out(c, at(ms), text+"\n")
				all = append(all, stamped{ms, c.name, text})
			}
		}
		slices.SortStableFunc(all, func(a, b stamped) int {
			if a.ms != b.ms {
				return a.ms - b.ms
			}
			return strings.Compare(a.name, b.name)
		})
		for _, s := range all {
			want = append(want, s.text)
		}
		var got []string
		err := logs.Stream(t.Context(), e, logs.Options{Project: "p", Tail: -1}, func(l logs.Line) error { got = append(got, string(l.Text)); return nil })
		if err != nil {
			rt.Fatal(err)
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("got %q, want %q", got, want)
		}
	})
}

// A slow receiver holds the engine up; nothing is dropped, and what is read ahead stays bounded.
func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine()
		web, redis := e.create("web", 1), e.create("redis", 1)
		const lines = 20_000
		for i := range lines {
			e.out(web, at(2*i), "w\n")
			e.out(redis, at(2*i+1), "r\n")
		}
		n, most := 0, 0
		err := logs.Stream(t.Context(), e, logs.Options{Project: "p", Tail: -1}, func(logs.Line) error {
			if n%1000 == 0 {
				synctest.Wait()
				e.mu.Lock()
				most = max(most, e.served-n)
				e.mu.Unlock()
			}
			n++
			return nil
		})
		if err != nil || n != 2*lines {
			t.Errorf("Stream = %v after %d lines, want %d", err, n, 2*lines)
		}
		if most > 2*(4096+1500) { // queue, and the buffer of one response
			t.Errorf("%d lines were read ahead", most)
		}
	})
}
