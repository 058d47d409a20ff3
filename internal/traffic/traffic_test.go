package traffic

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func noon() time.Time { return now }

func line(uri string, status int, seconds, upstream string) []byte {
	return fmt.Appendf(nil, `{"time":"2026-11-25T12:00:00+00:00","request_id":"r","remote":"10.0.0.1","method":"GET","uri":"%s","status":%d,"bytes":35,"request_time":%s,"upstream":"%s","upstream_status":"200","upstream_connect_time":"0.000","upstream_response_time":"0.001","user_agent":"curl"}`, uri, status, seconds, upstream)
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		line     []byte
		ok       bool
		class    int
		duration time.Duration
		upstream string
		aside    bool
	}{
		{line("/count", 200, "0.001", "10.0.0.2:5002"), true, 2, time.Millisecond, "10.0.0.2:5002", false},
		{line("/count?a=b", 503, "1.250", "10.0.0.2:5002, 10.0.0.3:5002"), true, 5, 1250 * time.Millisecond, "10.0.0.3:5002", false},
		{line("/", 499, "12.000", "-"), true, 4, 12 * time.Second, "", false},
		{line("/healthz", 200, "0.000", ""), true, 2, 0, "", true},
		{line("/readyz?x", 200, "0.000", ""), true, 2, 0, "", true},
		{line("/events", 200, "600.000", "a:1"), true, 2, 10 * time.Minute, "a:1", true},
		{line("/", 200, "0.002", "a:1 : b:1"), true, 2, 2 * time.Millisecond, "b:1", false}, // passed on after a refused connection
		{line(`/\"status\":999,\"request_time\":9`, 200, "0.002", "a:1"), true, 2, 2 * time.Millisecond, "a:1", false},
		{line("/", 0, "99999999999999", "a:1"), true, 0, longest, "a:1", false},
		{[]byte("2026/11/25 12:00:00 [error] something"), false, 0, 0, "", false},
		{[]byte(`{"uri":"/","status":}`), false, 0, 0, "", false},
		{nil, false, 0, 0, "", false},
	} {
		a, ok := parse(c.line)
		if ok != c.ok || ok && (a.class != c.class || a.duration != c.duration || string(a.upstream) != c.upstream || a.aside != c.aside) {
			t.Errorf("%s: %v %+v", c.line, ok, a)
		}
	}
}

func TestStatsAreOfCompleteSecondsAlone(t *testing.T) {
	w := Window{Clock: noon}
	for i := range 20 {
		at := now.Add(time.Duration(i-19) * time.Second)
		w.Add(at, line("/count", 200, "0.002", "a:1"))
		w.Add(at, line("/count", 500, "0.010", "b:1"))
	}
	if w.Add(now, line("/healthz", 200, "0.001", "a:1")) || w.Add(now.Add(-time.Hour), line("/", 200, "0.001", "a:1")) || w.Add(now.Add(time.Minute), line("/", 200, "0.001", "a:1")) {
		t.Error("a probe, or a line out of the window, counts")
	}
	s := w.Stats(now, 10*time.Second)
	if s.Requests != 20 || s.Rate != 2 || s.Status != [6]int{2: 10, 5: 10} || s.Upstreams["a:1"] != 10 || s.Upstreams["b:1"] != 10 {
		t.Errorf("%+v", s)
	}
	if s.P50 != 2*time.Millisecond || s.P95 != 10*time.Millisecond {
		t.Errorf("%v %v", s.P50, s.P95)
	}
	if s := w.Stats(now.Add(time.Hour), 10*time.Second); s.Requests != 0 || s.P99 != 0 {
		t.Errorf("after an hour: %+v", s)
	}
	if s := (&Window{}).Stats(time.Unix(3, 0), time.Minute); s.Requests != 0 {
		t.Errorf("nothing: %+v", s)
	}
}

func TestPercentilesAreRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.SliceOfN(rapid.IntRange(0, 20000), 1, 200).Draw(t, "ms")
		w := Window{Clock: noon}
		for _, n := range ms {
			w.Add(now.Add(-time.Second), line("/", 200, fmt.Sprintf("%d.%03d", n/1000, n%1000), "a:1"))
		}
		s := w.Stats(now, 10*time.Second)
		slices.Sort(ms)
		for part, got := range map[float64]time.Duration{0.5: s.P50, 0.95: s.P95, 0.99: s.P99} {
			want := float64(ms[int(math.Ceil(part*float64(len(ms))))-1])
			if diff := math.Abs(float64(got)/1e6 - want); diff > want*0.06+0.001 {
				t.Fatalf("p%v of %v: %v, want %v ms", part*100, ms, got, want)
			}
		}
	})
}

func TestUpstreamsAreBounded(t *testing.T) {
	w := Window{Clock: noon}
	for i := range 1000 {
		w.Add(now.Add(-time.Second), line("/", 200, "0.001", fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)))
	}
	if s := w.Stats(now, 10*time.Second); len(s.Upstreams) != maxUpstreams || s.Upstreams["other"] != 1000-maxUpstreams+1 {
		t.Errorf("%d upstreams, %d others", len(s.Upstreams), s.Upstreams["other"])
	}
}

func FuzzAdd(f *testing.F) {
	f.Add(line("/count", 200, "0.001", "a:1"))
	f.Add([]byte(`{"uri":"\`))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := Window{Clock: noon}
		if w.Add(now.Add(-time.Second), text) {
			if s := w.Stats(now, 10*time.Second); s.Requests != 1 || s.P50 < 0 || s.P50 > longest {
				t.Errorf("%+v", s)
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	w := Window{Clock: noon}
	text := line("/count", 200, "0.001", "10.0.0.2:5002")
	b.ReportAllocs()
	for b.Loop() {
		w.Add(now, text)
	}
}
