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

func TestWhatCounts(t *testing.T) {
	for _, c := range []struct {
		line      []byte
		ok        bool
		class     int
		upstreams string
	}{
		{line("/count", 200, "0.001", "10.0.0.2:5002"), true, 2, "map[10.0.0.2:5002:1]"},
		{line("/count?a=b", 503, "1.250", "10.0.0.2:5002, 10.0.0.3:5002"), true, 5, "map[10.0.0.3:5002:1]"},
		{line("/", 499, "12.000", "-"), true, 4, "map[]"},
		{line("/", 0, "99999999999999", "a:1"), true, 0, "map[a:1:1]"},
		{line("/healthz", 200, "0.000", ""), false, 0, ""},
		{line("/readyz?x", 200, "0.000", ""), false, 0, ""},
		{line("/events", 200, "600.000", "a:1"), false, 0, ""},
		{[]byte(`{"method":"GET","path":"/count","status":200,"duration_ms":0.2}`), false, 0, ""}, // the web tier's of the same request
		{[]byte(`{"uri":"/","status":200,"upstream":"a:1"}`), false, 0, ""},
		{[]byte(`{"uri":"/","status":200,"request_time":0.001}`), false, 0, ""},
		{nil, false, 0, ""},
	} {
		w := Window{Clock: noon}
		ok := w.Add(now.Add(-time.Second), "", c.line)
		if s := w.Stats(now, 10*time.Second); ok != c.ok || ok && (s.Status[c.class] != 1 || fmt.Sprint(s.Upstreams) != c.upstreams) {
			t.Errorf("%s: %v %+v", c.line, ok, s)
		}
	}
}

func TestLimitedRequestsAreCountedAmongThe4xx(t *testing.T) {
	w := Window{Clock: noon}
	at := now.Add(-time.Second)
	for _, status := range []int{200, 404, 429, 429, 503} {
		w.Add(at, "", line("/count", status, "0.000", ""))
	}
	if s := w.Stats(now, 10*time.Second); s.Limited != 2 || s.Status != [6]int{2: 1, 4: 3, 5: 1} {
		t.Errorf("%+v", s)
	}
}

func TestStatsAreOfCompleteSecondsAlone(t *testing.T) {
	w := Window{Clock: noon}
	for i := range 20 {
		at := now.Add(time.Duration(i-19) * time.Second)
		w.Add(at, "", line("/count", 200, "0.002", "a:1"))
		w.Add(at, "", line("/count", 500, "0.010", "b:1"))
	}
	if w.Add(now, "", line("/healthz", 200, "0.001", "a:1")) || w.Add(now.Add(-time.Hour), "", line("/", 200, "0.001", "a:1")) || w.Add(now.Add(time.Minute), "", line("/", 200, "0.001", "a:1")) {
		t.Error("a probe, or a line out of the window, counts")
	}
	s := w.Stats(now, 10*time.Second)
	if s.Limited != 0 || s.Requests != 20 || s.Rate != 2 || s.Status != [6]int{2: 10, 5: 10} || s.Upstreams["a:1"] != 10 || s.Upstreams["b:1"] != 10 {
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
			w.Add(now.Add(-time.Second), "", line("/", 200, fmt.Sprintf("%d.%03d", n/1000, n%1000), "a:1"))
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
		w.Add(now.Add(-time.Second), "", line("/", 200, "0.001", fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)))
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
		if w.Add(now.Add(-time.Second), "", text) {
			if s := w.Stats(now, 10*time.Second); s.Requests != 1 || s.P50 < 0 || s.P50 > time.Hour {
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
		w.Add(now, "", text)
	}
}

// TestWithAFirewall: nginx's upstream is the firewall, so that the shares come from the web tier's lines; what it blocked is counted.
func TestWithAFirewall(t *testing.T) {
	w := Window{Clock: noon}
	at := now.Add(-time.Second)
	web := []byte(`{"msg":"request","method":"GET","path":"/count","status":200,"duration_ms":0.2}`)
	if w.Add(at, "web-1", web) {
		t.Error("the web tier's line counts without a firewall")
	}
	waf := func(path, verdict string, status int) []byte {
		return fmt.Appendf(nil, `{"msg":"request","method":"GET","path":%q,"status":%d,"duration_ms":0.2,"waf_ms":0.1,"verdict":%q}`, path, status, verdict)
	}
	for i, replica := range []string{"web-1", "web-2", "web-2", "web-2"} {
		if !w.Add(at, "waf-1", waf("/count", "passed", 200)) || !w.Add(at, replica, web) || !w.Add(at, "nginx-1", line("/count", 200, "0.001", "10.0.0.9:5003")) {
			t.Errorf("request %d does not count", i)
		}
	}
	w.Add(at, "waf-1", waf("/count", "blocked", 403))
	w.Add(at, "nginx-1", line("/count", 403, "0.001", "10.0.0.9:5003"))
	w.Add(at, "waf-1", waf("/", "refused", 413))
	w.Add(at, "nginx-1", line("/", 413, "0.001", "10.0.0.9:5003"))
	if w.Add(at, "waf-1", waf("/events", "passed", 200)) {
		t.Error("an open stream of events counts")
	}
	s := w.Stats(now, 10*time.Second)
	if s.Requests != 6 || s.Blocked != 1 || s.Status != [6]int{2: 4, 4: 2} || fmt.Sprint(s.Upstreams) != "map[web-1:1 web-2:3]" {
		t.Errorf("%+v", s)
	}
}
