package accesslog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var entry = Entry{
	Time: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), RequestID: "abc-1", Remote: "10.0.0.1", Method: "GET", URI: "/count?a=b", Status: 200, Bytes: 35,
	Took: 2 * time.Millisecond, Upstream: &Upstream{"10.0.0.2:5002", 200, time.Millisecond}, UserAgent: "curl",
}

// line is the entry's line with something replaced in it.
func line(replace ...string) string {
	return strings.NewReplacer(replace...).Replace(strings.TrimSpace(string(entry.Append(nil))))
}

const web = `{"time":"2026-11-25T18:56:06.06Z","level":"INFO","msg":"request","request_id":"r-1","method":"GET","path":"/count","status":200,"duration_ms":0.248,"bytes":35,"remote":"a:1","redis_ms":1e-05,"visit":7}`

func TestParse(t *testing.T) {
	for _, c := range []struct {
		line     string
		ok       bool
		status   int
		took     time.Duration
		upstream string
		target   string
	}{
		{line(), true, 200, 2 * time.Millisecond, "10.0.0.2:5002", "/count?a=b"},
		{line(`0.002,"up`, `1.250,"up`, ":200,", ":503,", `"10.0.0.2:5002"`, `"10.0.0.2:5002, 10.0.0.3:5002"`), true, 503, 1250 * time.Millisecond, "10.0.0.3:5002", "/count?a=b"},
		{line(`"10.0.0.2:5002"`, `"a:1 : b:1"`), true, 200, 2 * time.Millisecond, "b:1", "/count?a=b"}, // passed on after a refused connection
		{line(`"10.0.0.2:5002"`, `"-"`), true, 200, 2 * time.Millisecond, "", "/count?a=b"},
		{line(`/count?a=b`, `/\"status\":999,\"request_time\":9`), true, 200, 2 * time.Millisecond, "10.0.0.2:5002", `/"status":999,"request_time":9`},
		{line(`/count?a=b`, `/\\`), true, 200, 2 * time.Millisecond, "10.0.0.2:5002", `/\`},
		{line(`0.002`, "99999999999999"), true, 200, Longest, "10.0.0.2:5002", "/count?a=b"},
		{line(`:200,`, ":none,"), true, 0, 2 * time.Millisecond, "10.0.0.2:5002", "/count?a=b"},
		{web, true, 200, 248 * time.Microsecond, "", "/count"},
		{strings.Replace(web, "0.248", "2.48e-1", 1), true, 200, 248 * time.Microsecond, "", "/count"},
		{strings.Replace(web, "0.248", "-1", 1), true, 200, 0, "", "/count"},
		{line()[:100], false, 0, 0, "", ""},
		{`{"method":"GET","uri":"/","status":200}`, true, 200, 0, "", "/"},
		{line(`"status":200,`, ""), false, 0, 0, "", ""},
		{"2026/11/25 12:00:00 [error] something", false, 0, 0, "", ""},
		{`{"uri":"/","status":}`, false, 0, 0, "", ""},
		{`{"uri":"/","status":{"a":1},"request_time":0,"upstream":""}`, false, 0, 0, "", ""},
		{`{}`, false, 0, 0, "", ""},
		{`{"`, false, 0, 0, "", ""},
		{"", false, 0, 0, "", ""},
	} {
		l, ok := Parse([]byte(c.line))
		if ok != c.ok || ok && (l.Status != c.status || l.Took != c.took || string(l.LastUpstream()) != c.upstream || l.Target() != c.target) {
			t.Errorf("%s: %v %+v", c.line, ok, l)
		}
	}
}

func TestTheTiersStepsAreRead(t *testing.T) {
	l, _ := Parse([]byte(web))
	if l.Redis != 10*time.Nanosecond || l.Visit != 7 || l.Bytes != 35 || Text(l.RequestID) != "r-1" || Text(l.Method) != "GET" {
		t.Errorf("web: %+v", l)
	}
	l, _ = Parse([]byte(line(`"0.001"`, `"0.001, 0.002 : -"`)))
	if took, ok := l.UpstreamTook(); took != 3*time.Millisecond || !ok || l.Redis >= 0 {
		t.Errorf("nginx: %+v", l)
	}
}

func TestAttempts(t *testing.T) {
	text := strings.TrimSuffix(line(`"10.0.0.2:5002"`, `"a:1, b:2 : c:3"`, `"0.001"`, `"1.000, 0.500 : 0.002"`), "}") + `,"upstream_header_time":"-, - : 0.001"}`
	l, ok := Parse([]byte(text))
	var got []string
	for a := range l.Attempts() {
		got = append(got, fmt.Sprint(string(a.Upstream), " ", a.Answered, " ", a.Took))
	}
	if want := []string{"a:1 false 1s", "b:2 false 500ms", "c:3 true 2ms"}; !ok || !slices.Equal(got, want) || !l.Answered() {
		t.Errorf("%v %v, answered %v; want %v", ok, got, l.Answered(), want)
	}
}

func TestTiersAreToldApart(t *testing.T) {
	waf := strings.Replace(web, `"redis_ms":1e-05,"visit":7`, `"waf_ms":0.125,"verdict":"passed"`, 1)
	for text, want := range map[string]Tier{line(): Front, waf: Firewall, web: Web} {
		if l, ok := Parse([]byte(text)); !ok || l.Tier() != want {
			t.Errorf("%s: %v, tier %d", text, ok, l.Tier())
		}
	}
	if l, _ := Parse([]byte(waf)); l.Inspecting != 125*time.Microsecond || Text(l.Verdict) != "passed" || l.Redis >= 0 {
		t.Errorf("waf: %+v", l)
	}
}

// TestEntriesAreNginxs compares the names and their order with the format in assets/nginx.conf.
func TestEntriesAreNginxs(t *testing.T) {
	conf, err := os.ReadFile("../../assets/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	format := regexp.MustCompile(`(?s)log_format json.*?;`).Find(conf)
	name := regexp.MustCompile(`"([a-z_]+)":("?)`)
	if got, want := name.FindAllString(line(), -1), name.FindAllString(string(format), -1); !slices.Equal(got, want) {
		t.Errorf("fields\n got %v\nwant %v", got, want)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entry
		e.URI, e.UserAgent = "/"+rapid.String().Draw(t, "uri"), rapid.String().Draw(t, "agent")
		e.Status, e.Took = rapid.IntRange(100, 599).Draw(t, "status"), time.Duration(rapid.IntRange(0, 1e6).Draw(t, "ms"))*time.Millisecond
		text := e.Append(nil)
		l, ok := Parse(bytes.TrimSpace(text))
		if !ok || l.Target() != e.URI || l.Status != e.Status || l.Took != e.Took || Text(l.RequestID) != e.RequestID {
			t.Fatalf("%s: %v %+v", text, ok, l)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil || fields["user_agent"] != e.UserAgent {
			t.Fatalf("%s: %v %q", text, err, fields["user_agent"])
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(line()))
	f.Add([]byte(web))
	f.Add([]byte(`{"uri":"\`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, _ := Parse(text)
		if took, _ := l.UpstreamTook(); l.Took < 0 || l.Took > Longest || took < 0 || took > Longest {
			t.Errorf("%+v", l)
		}
		_, _ = l.Target(), l.LastUpstream()
	})
}
