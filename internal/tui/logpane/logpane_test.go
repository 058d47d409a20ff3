package logpane

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/tui/feed"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/theme"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// dash is a pane with the little of the dashboard that it needs.
type dash struct {
	t     testing.TB
	pane  *Pane
	now   time.Time
	theme *theme.Theme
	w, h  int
	told  []string
}

func newDash(t testing.TB, w, h int) *dash {
	d := &dash{t: t, now: noon, theme: tuitest.Themes().Dark, w: w, h: h}
	d.pane = New("3 logs", keys.Default(), func() time.Time { return d.now })
	d.view()
	return d
}

func (d *dash) view() string { return d.pane.View(d.theme, d.w, d.h, true) }

func (d *dash) lines(ls ...logs.Line) { d.pane.Update(feed.Batch{Lines: ls}); d.view() }

// press types keys: names between < and >, everything else as text.
func (d *dash) press(input string) {
	d.t.Helper()
	for input != "" {
		name, rest := input[:1], input[1:]
		if input[0] == '<' {
			end := strings.IndexByte(input, '>')
			name, rest = input[1:end], input[end+1:]
		}
		input = rest
		if cmd, _ := d.pane.Update(tuitest.Press(name)); cmd != nil {
			if n, ok := cmd().(notice.Msg); ok {
				d.told = append(d.told, n.Text)
			}
		}
		d.view()
	}
}

func line(service string, ms int, text string) logs.Line {
	return logs.Line{Time: noon.Add(time.Duration(ms) * time.Millisecond), Container: "p-" + service + "-1", Service: service, Replica: 1, Text: []byte(text)}
}

const id = "9c4cf931ea69ecc51bc2750870ee99b5"

func story() []logs.Line {
	stderr := line("redis", 30, "1:M 02 Jan 2026 12:00:00.030 # WARNING Memory overcommit must be enabled!")
	stderr.Stderr = true
	return []logs.Line{
		line("redis", 0, "1:M 02 Jan 2026 12:00:00.000 * Ready to accept connections"),
		line("web", 10, `{"time":"2026-01-02T12:00:00.010Z","level":"INFO","msg":"listening","addr":"[::]:5002","redis":"redis:6379"}`),
		stderr,
		line("web", 102, `{"time":"2026-01-02T12:00:00.101Z","level":"INFO","msg":"request","request_id":"`+id+`","method":"GET","path":"/count","status":200,"duration_ms":1.683,"bytes":35,"remote":"10.213.178.4:41526","redis_ms":0.61,"visit":42}`),
		line("nginx", 103, `{"time":"2026-01-02T12:00:00+00:00","request_id":"`+id+`","remote":"10.213.178.1","method":"GET","uri":"/count","status":200,"bytes":35,"request_time":0.003,"upstream":"10.213.178.3:5002","upstream_status":"200","upstream_connect_time":"0.000","upstream_response_time":"0.002","user_agent":"curl/7.88.1"}`),
		line("nginx", 400, `10.0.0.9 - - [02/Jan/2026:12:00:00 +0000] "GET /nothing HTTP/1.1" 404 9`),
		line("web", 500, `{"time":"2026-01-02T12:00:00.5Z","level":"ERROR","msg":"counting","error":"dial tcp: lookup redis: i/o timeout"}`),
	}
}

func TestGoldens(t *testing.T) {
	for _, size := range []struct{ w, h int }{{120, 20}, {60, 8}} {
		for name, input := range map[string]string{
			"following": "", "paused": "<up>", "wrapped": "w", "search": "/count", "compact": "J", "filtered": "sv", "request": "vvvsss/nginx<enter>n<enter>",
		} {
			if name == "request" {
				input = "/uri<enter>n<enter>"
			}
			t.Run(fmt.Sprintf("%s-%dx%d", name, size.w, size.h), func(t *testing.T) {
				d := newDash(t, size.w, size.h)
				d.lines(story()...)
				d.press(input)
				tuitest.Golden(t, fmt.Sprintf("%s-%dx%d", name, size.w, size.h), ansi.Strip(d.view()))
			})
		}
	}
}

func TestTheFirewallIsAHop(t *testing.T) {
	nginx := `{"time":"2026-01-02T12:00:00+00:00","request_id":"` + id + `","remote":"10.213.178.1","method":"GET","uri":"/count","status":%d,"bytes":35,"request_time":0.004,"upstream":"10.213.178.6:5003","upstream_status":"%d","upstream_connect_time":"0.000","upstream_response_time":"0.004","user_agent":"curl/7.88.1"}`
	waf := `{"time":"2026-01-02T12:00:00.1Z","level":"INFO","msg":"request","request_id":"` + id + `","method":"GET","path":"/count","status":%d,"duration_ms":%s,"bytes":35,"remote":"10.213.178.4:41526","waf_ms":0.4,"verdict":"%s"}`
	attack := `{"time":"2026-01-02T12:00:00.1Z","level":"WARN","msg":"attack","request_id":"` + id + `","verdict":"blocked","rule":942100,"rule_msg":"SQL Injection","matched":"ARGS:id: 1 OR 1=1","score":5,"rules":[942100,949110],"client":"10.213.178.1","duration_ms":0.6}`
	for name, lines := range map[string][]logs.Line{
		"passed":  {story()[3], line("waf", 103, fmt.Sprintf(waf, 200, "3.2", "passed")), line("nginx", 104, fmt.Sprintf(nginx, 200, 200))},
		"blocked": {line("waf", 103, attack), line("waf", 103, fmt.Sprintf(waf, 403, "0.6", "blocked")), line("nginx", 104, fmt.Sprintf(nginx, 403, 403))},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDash(t, 120, 14)
			d.lines(lines...)
			tuitest.Golden(t, "waf-"+name+"-lines-120x14", ansi.Strip(d.view()))
			d.press("<enter>")
			tuitest.Golden(t, "waf-"+name+"-request-120x14", ansi.Strip(d.view()))
		})
	}
}

// state is what the tables compare.
func (d *dash) state() string {
	p := d.pane
	cursor := "-"
	if rec, ok := p.current(); ok {
		cursor = string(rec.Text)
	}
	return fmt.Sprintf("paused=%v at=%s of=%d", p.paused, cursor, p.index.len())
}

func numbered(n int) []logs.Line {
	out := make([]logs.Line, n)
	for i := range out {
		service := "web"
		if i%2 == 1 {
			service = "nginx"
		}
		text := fmt.Sprintf("n%d", i)
		if i%10 == 3 {
			text = fmt.Sprintf("n%d ERROR Bad", i)
		}
		out[i] = line(service, i*1000, text)
	}
	return out
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct{ keys, want, told string }{
		{"", "paused=false at=n99 of=100", ""},
		{"<space>", "paused=true at=n99 of=100", ""},
		{"<space><space>", "paused=false at=n99 of=100", ""},
		{"<up><up>k", "paused=true at=n96 of=100", ""},
		{"<up><up>jG", "paused=false at=n99 of=100", ""},
		{"g", "paused=true at=n0 of=100", ""},
		{"<down>", "paused=false at=n99 of=100", ""},
		{"<pgup><pgup>", "paused=true at=n85 of=100", ""},
		{"s", "paused=false at=n99 of=50", ""},
		{"ss", "paused=false at=n98 of=50", ""},
		{"sss", "paused=false at=n99 of=100", ""},
		{"v", "paused=false at=n93 ERROR Bad of=10", ""},
		{"vvv", "paused=false at=n99 of=100", ""},
		{"vsc", "paused=false at=n99 of=100", ""},
		{"/bad<enter>n", "paused=true at=n93 ERROR Bad of=100", ""},
		{"/Bad<enter>nN", "paused=true at=n83 ERROR Bad of=100", ""},
		{"/bad<enter>nn", "paused=true at=n3 ERROR Bad of=100", ""},
		{"/bAd<enter>n", "paused=false at=n99 of=100", "no line in memory matches bAd"},
		{"/bad<enter>&", "paused=false at=n93 ERROR Bad of=10", ""},
		{"/bad<enter>&/<ctrl+u><enter>", "paused=false at=n99 of=100", ""},
		{"/bad<esc>", "paused=false at=n99 of=100", ""},
		{"&", "paused=false at=n99 of=100", "no search yet: / starts one"},
		{"/(<enter>", "paused=false at=n99 of=100", `not a regular expression: missing closing ): "("`},
		{"gs", "paused=true at=n1 of=50", ""},
		{"t12:00:30<enter>", "paused=true at=n30 of=100", ""},
		{"t2026-01-02T12:00:30.5Z<enter>", "paused=true at=n31 of=100", ""},
		{"t5m<enter>", "paused=true at=n0 of=100", "the oldest line in memory is from 12:00:00"},
		{"tsoon<enter>", "paused=false at=n99 of=100", ""},
		{"<enter>", "paused=false at=n99 of=100", "this line names no request id; those of nginx and web do"},
	} {
		t.Run(tt.keys, func(t *testing.T) {
			d := newDash(t, 80, 10)
			d.lines(numbered(100)...)
			d.now = noon.Add(100 * time.Second)
			d.press(tt.keys)
			if got := d.state(); got != tt.want {
				t.Errorf("state %s, want %s", got, tt.want)
			}
			if got := strings.Join(d.told, "|"); got != tt.told {
				t.Errorf("told %q, want %q", got, tt.told)
			}
		})
	}
}

func TestMissedLinesAreCounted(t *testing.T) {
	d := newDash(t, 80, 12) // ten rows
	d.lines(numbered(25)...)
	wants := func(missed, fresh int) {
		t.Helper()
		if d.pane.missed != missed || d.pane.fresh() != fresh {
			t.Errorf("%d missed and %d new, want %d and %d", d.pane.missed, d.pane.fresh(), missed, fresh)
		}
	}
	wants(15, 0)
	d.pane.Update(feed.Batch{Skipped: 100})
	wants(115, 0)
	d.press("<space>")
	d.lines(numbered(30)...)
	wants(115, 30)
	d.press("<pgdown>")
	wants(115, 21)
	d.press("G")
	wants(126, 0)
	d.press("<space>")
	for range 10 {
		d.lines(numbered(2500)...) // 5,000 more than there is room for
	}
	// The screen moves with the oldest line in memory: twice ten of them were on it.
	wants(126+5000-20, 20_000-10)
	// History was not missed: it was there before.
	old := newDash(t, 80, 12)
	past := numbered(50)
	for i := range past {
		past[i].Time = past[i].Time.Add(-time.Hour)
	}
	old.lines(past...)
	if old.pane.missed != 0 {
		t.Errorf("%d lines of history were missed", old.pane.missed)
	}
}

func TestRateHasNoClockWhenIdle(t *testing.T) {
	d := newDash(t, 80, 10)
	if cmd, _ := d.pane.Update(feed.Batch{Lines: numbered(500)}); cmd == nil {
		t.Fatal("no tick after a batch")
	}
	if cmd, _ := d.pane.Update(feed.Batch{Lines: numbered(500)}); cmd != nil {
		t.Error("a second tick")
	}
	d.now = d.now.Add(time.Second)
	if cmd, _ := d.pane.Update(Tick{}); cmd == nil || !strings.Contains(d.view(), "following 1,000/s") {
		t.Errorf("after a second:\n%s", ansi.Strip(d.view()))
	}
	d.now = d.now.Add(time.Second)
	if cmd, _ := d.pane.Update(Tick{}); cmd != nil || strings.Contains(d.view(), "/s") {
		t.Error("it ticks on")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	d := newDash(t, 80, 10)
	for range 30 {
		d.lines(numbered(1000)...)
	}
	if n := d.pane.ring.len(); n != maxLines || d.pane.index.len() != maxLines {
		t.Errorf("%d lines in memory", n)
	}
	for range 1500 {
		d.lines(line("web", 0, strings.Repeat("x", 1<<20)))
	}
	if p := d.pane; p.ring.bytes > maxBytes || p.ring.len() != maxBytes/maxText || cap(p.ring.at(p.ring.oldest).Text) > 2*maxText {
		t.Errorf("%d bytes in %d lines", p.ring.bytes, p.ring.len())
	}
	d.press("w<space>")
	if got := d.pane.Selection(); !strings.HasSuffix(got, "… [cut, 1048576 bytes]") {
		t.Errorf("a long line ends with %q", got[len(got)-40:])
	}
}

func TestSave(t *testing.T) {
	t.Chdir(t.TempDir())
	d := newDash(t, 80, 10)
	d.lines(story()...)
	d.lines(line("web", 900, "\x1b]0;owned\x07"))
	d.press("ssS<enter>S<enter>s")
	name := "stackctl-logs-20260102-120000.log"
	want := []string{`saved 2 lines to "` + name + `"`, `"` + name + `" already exists: choose another name`}
	if fmt.Sprint(d.told) != fmt.Sprint(want) {
		t.Errorf("told %q", d.told)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); strings.Count(got, "\n") != 2 || !strings.Contains(got, "2026-01-02T12:00:00.03Z redis-1 ! | 1:M") {
		t.Errorf("saved\n%s", got)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	d.press("S<ctrl+u>all<enter>")
	if text, _ := os.ReadFile("all"); !strings.Contains(string(text), `\x1b]0;owned\x07`) || strings.Contains(string(text), "\x1b") {
		t.Errorf("saved\n%s", text)
	}
}

func TestMouse(t *testing.T) {
	d := newDash(t, 80, 12)
	d.lines(numbered(100)...)
	d.pane.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if d.pane.paused {
		t.Error("scrolling down pauses")
	}
	d.pane.Update(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	if d.pane.top.seq != 87 || !d.pane.paused {
		t.Errorf("the screen begins at %d", d.pane.top.seq)
	}
	d.pane.Update(tea.MouseClickMsg{Button: tea.MouseLeft, X: 3, Y: 2})
	if got := d.state(); got != "paused=true at=n89 of=100" {
		t.Error(got)
	}
}

func TestLevels(t *testing.T) {
	for text, want := range map[string]level{
		"": calm, "plain": calm, "ERROR no": failure, "an error happened": calm, "level=warn msg=x": warning, "level=ERROR": failure, "TERRORS": calm, "ERRORS": calm,
		`{"level":"WARN","msg":"x"}`: warning, `{"level":"INFO","status":503}`: failure, `{"status":404}`: warning, `{"level":"INFO","status":429}`: limited, `x "GET / HTTP/1.1" 429 1`: limited, `{"status": 200}`: calm,
		"1:M 25 Nov 2026 17:27:08.013 # Server": warning, "1:M 25 Nov 2026 17:27:08.013 * Server": calm, "1:M 25 Nov": calm,
		`x "GET / HTTP/1.1" 500 1`: failure, `x "GET / HTTP/2.0" 301 1`: calm, "2026/11/25 17:27:08 [crit] 1#1: x": failure, "panic: runtime error": failure, "2026 WARNING: x": warning, "FATAL: x": failure,
	} {
		if got := levelOf([]byte(text)); got != want {
			t.Errorf("levelOf(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestALimitedRequestHasItsOwnSign(t *testing.T) {
	d := newDash(t, 100, 8)
	d.lines(line("nginx", 1, `{"request_id":"9c4cf931","method":"GET","uri":"/count","status":429,"bytes":5,"request_time":0.000,"upstream":""}`), line("nginx", 2, `{"request_id":"9c4cf932","method":"GET","uri":"/x","status":404,"bytes":5,"request_time":0.001,"upstream":"10.0.0.2:5002"}`))
	view := ansi.Strip(d.view())
	for _, want := range []string{"⊘ GET /count 429 0ms 5B limited", "▲ GET /x 404 1ms"} {
		if !strings.Contains(view, want) {
			t.Errorf("no %q in\n%s", want, view)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	for text, want := range map[string]string{
		`{"request_id":"abc-123"}`: "abc-123", "X-Request-ID: 0123abcd": "0123abcd", "req_id=a.b_c d": "a.b_c", `"request_id": "q1w2"`: "q1w2", "no id": "", "request_id=1": "", "request_id": "",
		"request_id \x1b]0;x": "", "request_id= then X-Request-Id=abcde": "abcde", "the request_id of req_id:zzzz": "zzzz",
	} {
		if got, _ := requestID([]byte(text)); got != want && (got != "then" || text != "request_id= then X-Request-Id=abcde") {
			t.Errorf("requestID(%q) = %q, want %q", text, got, want)
		}
	}
}

// hostile are lines that try to do something to the terminal.
var hostile = []string{
	"\x1b]52;c;cm0gLXJmIC8=\x07", "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "\x1b]0;owned\x07", "\x1b[2J\x1b[H\x1b[31mred", "\x1b[1000A\x1b[1000D", "\u009b31m\u009d0;x\u009c", "\x9b31m",
	"a\xffb\xc0\x9b\xed\xa0\x80", strings.Repeat("long ", 200_000), "a\u200bb\u2060c\ufeffd", "\u202eexe.txt\u2066\u2069\u200f", strings.Repeat("e\u0301", 500), "z" + strings.Repeat("\u0336", 5000),
	strings.Repeat("世界", 300), strings.Repeat("👩\u200d👩\u200d👧\u200d👦", 100), strings.Repeat("🇩🇪", 200), "a" + strings.Repeat("\u200d👩", 1000), strings.Repeat("\u1100", 1000), "\t\ttabs\r\b\b\x00\x7f",
	strings.Repeat("नमस्ते ", 100), "\u0301first", "👍🏽❤️✌︎", "\U000e0041\U000e007f", "\x1bP+q\x1b\\", "\x1b_apc\x1b\\", "ａｂｃ" + strings.Repeat("ﷺ", 50), "\x0e\x0f\x1b(0lqk",
}

// wantExact checks that a picture is as large as it should be, and that nothing in it but the theme's own colours moves the terminal.
func wantExact(t interface{ Errorf(string, ...any) }, picture string, w, h int) {
	rows := strings.Split(picture, "\n")
	if h == 0 {
		if picture != "" {
			t.Errorf("a picture of no rows is %q", picture)
		}
		return
	}
	if len(rows) != h {
		t.Errorf("%d rows, want %d", len(rows), h)
	}
	for _, r := range rows {
		if got := ansi.StringWidth(r); got != w {
			t.Errorf("a row of %d cells, want %d: %q", got, w, r)
		}
		rest := r
		for {
			i := strings.IndexByte(rest, 0x1b)
			if i < 0 {
				break
			}
			end := strings.IndexByte(rest[i:], 'm')
			if end < 0 || !strings.HasPrefix(rest[i:], "\x1b[") || strings.Trim(rest[i+2:i+end], "0123456789;:") != "" {
				t.Errorf("a row has the sequence %q", rest[i:min(len(rest), i+20)])
				break
			}
			rest = rest[:i] + rest[i+end+1:]
		}
		if i := strings.IndexFunc(rest, func(r rune) bool {
			return unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200b
		}); i >= 0 {
			t.Errorf("a row has a control at %d: %q", i, rest)
		}
	}
}

func TestHostileLines(t *testing.T) {
	for _, size := range []struct{ w, h int }{{120, 40}, {80, 24}, {40, 10}, {7, 5}, {3, 3}, {1, 1}} {
		for _, input := range []string{"", "w", "<right>", "w<up><up><pgup>", "/e<enter>", "J", "T<up>", "/\x1b(["} {
			d := newDash(t, size.w, size.h)
			for i, text := range hostile {
				l := line("web", i, text)
				l.Service, l.Container = text[:min(len(text), 40)], fmt.Sprint(i)
				d.lines(l)
				wantExact(t, d.view(), d.w, d.h)
			}
			d.pane.Update(feed.Lost{Err: fmt.Errorf("%s", hostile[3])})
			d.press(input)
			wantExact(t, d.view(), d.w, d.h)
			if s := d.pane.Selection(); strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("Selection = %q", s)
			}
		}
	}
}

func TestAnySizeAnyLines(t *testing.T) {
	t.Chdir(t.TempDir()) // a key may save a file
	rapid.Check(t, func(rt *rapid.T) {
		d := newDash(t, rapid.IntRange(0, 80).Draw(rt, "w"), rapid.IntRange(0, 30).Draw(rt, "h"))
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "kind") {
			case 0:
				var ls []logs.Line
				for i, text := range rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.SampledFrom(hostile[9:]), rapid.SampledFrom([]string{string(story()[3].Text), string(story()[4].Text)})), 0, 12).Draw(rt, "lines") {
					ls = append(ls, line(rapid.SampledFrom([]string{"web", "nginx", "redis"}).Draw(rt, "service"), i, text))
				}
				d.lines(ls...)
			case 1:
				d.w, d.h = rapid.IntRange(0, 80).Draw(rt, "w"), rapid.IntRange(0, 30).Draw(rt, "h")
			default:
				d.press(rapid.SampledFrom([]string{
					"<up>", "<down>", "<pgup>", "<pgdown>", "g", "G", "<space>", "w", "T", "J", "s", "v", "c", "/a", "t", "S", "<esc>", "n", "N", "&", "<left>", "<right>", "<enter>", "t1m<enter>",
				}).Draw(rt, "keys"))
				d.pane.Update(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
			}
			wantExact(rt, d.view(), max(d.w, 0), max(d.h, 0))
			if c := d.pane.Cursor(); c != nil && (c.X >= d.w || c.Y >= d.h) {
				rt.Fatalf("the cursor is at %d,%d of %dx%d", c.X, c.Y, d.w, d.h)
			}
			d.pane.Selection()
			d.pane.Hints()
		}
	})
}

func TestField(t *testing.T) {
	d := newDash(t, 60, 8)
	d.press("/abc<left><left>X<backspace>Y")
	if got := d.pane.prompt.input.Value(); got != "aYbc" {
		t.Errorf("typed %q", got)
	}
	if c := d.pane.Cursor(); c == nil || c.X != 4 || c.Y != 6 {
		t.Errorf("cursor %+v", c)
	}
	d.pane.Update(tea.PasteMsg{Content: "one\ntwo \x1b[2J" + strings.Repeat("x", 10_000)})
	if got := d.pane.prompt.input.Value(); !strings.HasPrefix(got, `aYone two \x1b[2Jxxx`) || len(got) != maxTyped {
		t.Errorf("pasted %q", got)
	}
	wantExact(t, d.view(), 60, 8)
}

// However a search is made fast, it finds what the plain expression finds.
func TestPatternsMatchAsTheirExpressions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`(a|B|b|c|\.|\.\*|\\d|\\S|x\+|\(a\|c\)|\[a-c\]|\^|\$|5|\(\?i:ab\)|\(\?-i:c\)){1,6}`).Draw(rt, "pattern")
		p, err := compile(text)
		if err != nil {
			return
		}
		line := rapid.StringMatching(`[aAbBcCxX5 .]{0,12}`).Draw(rt, "line")
		if got, want := p.matches([]byte(line)), p.re.MatchString(line); got != want {
			rt.Fatalf("%q in %q: %v, want %v", text, line, got, want)
		}
	})
}
