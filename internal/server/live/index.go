package live

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// state is what all viewers see at one time. It is immutable; a newer one replaces it.
type state struct {
	track
	at       time.Time
	delta    []byte        // the event for viewers that have seen the previous state
	full     func() []byte // the event for new viewers
	html     func() []byte // the page, rendered once per state
	replaced chan struct{} // closed when there is a newer state
}

// Index answers with the page in its current state, which is complete even without JavaScript.
func (p *Page) Index(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Vary", "Accept")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", p.policy)
	html := p.current.Load().html()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(html)))
	_, _ = w.Write(html) // an error means that the client is gone
}

// values returns the values for the template.
func (s *state) values() map[string]string {
	v := map[string]string{
		"count": "", // digits only, for programs
		"shown": unknown, "rate": s.last().String(), "status": s.status,
		"words": "as of " + s.at.UTC().Format(time.TimeOnly) + " UTC", // without JavaScript, the page's only hint at its age
		"top":   grouped(strconv.FormatFloat(s.top(), 'f', -1, 64)), "path": s.path(), "summary": s.summary(),
	}
	if s.known() {
		v["count"] = strconv.FormatInt(s.count, 10)
		v["shown"] = grouped(v["count"])
	}
	if s.status == unavailable {
		v["words"] = s.reason
	}
	return v
}

var (
	styles  = regexp.MustCompile(`(?s)<style[^>]*>(.*?)</style>`)
	scripts = regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`)
)

// policy returns a Content-Security-Policy that allows only the page's own style, script and events.
func policy(page string) (string, error) {
	style, script := styles.FindAllStringSubmatch(page, -1), scripts.FindAllStringSubmatch(page, -1)
	if len(style) != 1 || len(script) != 1 {
		return "", fmt.Errorf("making the policy of the page: %d styles and %d scripts, want one of each", len(style), len(script))
	}
	return "default-src 'none'; style-src " + source(style[0][1]) + "; script-src " + source(script[0][1]) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", nil
}

func source(inline string) string {
	sum := sha256.Sum256([]byte(inline))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
