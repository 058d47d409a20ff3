package logpane

import (
	"bytes"
	"encoding/json"
	"slices"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/accesslog"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/notice"
)

// request is the view of one request: its lines in all tiers, by its id.
type request struct {
	id      string
	needle  []byte
	records []record // in the order of time
	more    int      // lines with the id beyond what is kept
	offset  int
}

// maxRequestLines bounds the view: an id of a few digits may be in many lines.
const maxRequestLines = 500

// idKeys stand before a request id, in lower case.
var idKeys = [][]byte{[]byte("request_id"), []byte("x-request-id"), []byte("requestid"), []byte("req_id"), []byte("trace_id")}

// requestID finds the request id that a line names.
func requestID(text []byte) (string, bool) {
	folded := bytes.ToLower(text)
	for _, k := range idKeys {
		for rest, at := folded, 0; ; {
			i := bytes.Index(rest, k)
			if i < 0 {
				break
			}
			at += i + len(k)
			rest = folded[at:]
			if id := idAt(text[at:]); id != "" {
				return id, true
			}
		}
	}
	return "", false
}

// idAt reads an id after its key: between are = or : with blanks and quotes.
func idAt(text []byte) string {
	value := bytes.TrimLeft(text[:min(len(text), 8)], "\"' ")
	if len(value) == 0 || value[0] != '=' && value[0] != ':' {
		return ""
	}
	value = text[len(text[:min(len(text), 8)])-len(value):]
	value = bytes.TrimLeft(value, "=:\"' ")
	end := 0
	for end < len(value) && end < 128 && token(value[end]) {
		end++
	}
	if end < 4 { // a number or a dash is in every line
		return ""
	}
	return string(value[:end])
}

func token(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '.' || c == '_' || c == '-'
}

// openRequest shows the request that the current line belongs to.
func (p *Pane) openRequest() tea.Cmd {
	rec, ok := p.current()
	if !ok {
		return nil
	}
	id, ok := requestID(rec.Text)
	if !ok {
		return notice.Say(notice.Info, "this line names no request id; those of nginx and web do")
	}
	p.pause() // the line stays where it is for when the view is closed
	r := &request{id: id, needle: []byte(id)}
	for seq := p.ring.oldest; seq < p.ring.next; seq++ { // of all services, whatever the filter
		r.offer(p.ring.at(seq))
	}
	p.request = r
	return nil
}

// offer takes a line if it belongs to the request; the later tiers' lines may still come.
func (r *request) offer(rec *record) {
	if r == nil || !bytes.Contains(rec.Text, r.needle) {
		return
	}
	if len(r.records) == maxRequestLines {
		r.more++
		return
	}
	at := len(r.records)
	for at > 0 && r.records[at-1].Time.After(rec.Time) {
		at--
	}
	r.records = slices.Insert(r.records, at, *rec)
}

func (p *Pane) pressInRequest(m tea.KeyPressMsg) {
	k := p.keys.Logs
	page := max(p.height-1, 1)
	switch {
	case keys.Matches(m, p.keys.Global.Back, p.keys.Global.Quit, k.Request):
		p.request = nil
	case keys.Matches(m, k.Up):
		p.request.scroll(-1)
	case keys.Matches(m, k.Down):
		p.request.scroll(1)
	case keys.Matches(m, k.PageUp):
		p.request.scroll(-page)
	case keys.Matches(m, k.PageDown):
		p.request.scroll(page)
	case keys.Matches(m, k.Top):
		p.request.offset = 0
	}
}

func (r *request) scroll(by int) {
	r.offset = min(max(r.offset+by, 0), len(r.records)) // the head is higher than one row: the last line can be reached
}

// find returns the first access line of the request that a tier wrote.
func (r *request) find(tier accesslog.Tier) (*record, *accesslog.Line) {
	for i := range r.records {
		rec := &r.records[i]
		if a, ok := parseAccess(rec.Text); ok && bytes.Contains(a.RequestID, r.needle) && a.Tier() == tier {
			return rec, &a
		}
	}
	return nil, nil
}

// rule is the first that matched, as a firewall's line on an attack names it; 0 where there is none.
func (r *request) rule(service string) int {
	for i := range r.records {
		var attack struct {
			Msg  string `json:"msg"`
			ID   string `json:"request_id"`
			Rule int    `json:"rule"`
		}
		rec := &r.records[i]
		if rec.Service == service && json.Unmarshal(rec.Text, &attack) == nil && attack.Msg == "attack" && attack.ID == r.id {
			return attack.Rule
		}
	}
	return 0
}
