package live

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// state is what all viewers see at a time. It never changes, but is replaced.
type state struct {
	track
	at       time.Time
	delta    []byte                 // the event for who has seen the state before
	full     func() []byte          // the event for who begins
	html     func() ([]byte, error) // the page, made once for all who ask for it in this state
	replaced chan struct{}          // closed when there is a newer state
}

// view is what the template shows.
type view struct {
	Count   string // digits only, "" where it is not known
	Shown   string // for people
	Rate    string
	Status  string
	At      string // UTC, without a script the only sign of age
	Summary string
	Top     string
	Path    string
}

// Index answers with the page as it stands: complete also where no script runs.
func (p *Page) Index(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Vary", "Accept")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", p.policy)
	html, err := p.current.Load().html()
	if err != nil {
		p.log.Error("cannot show the page", "error", err.Error())
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(html)))
	_, _ = w.Write(html) // an error means that the client is gone
}

func (p *Page) render(s *state) ([]byte, error) {
	v := view{
		Shown: unknown, Rate: s.last().String(), Status: s.status, At: s.at.UTC().Format(time.TimeOnly),
		Summary: s.summary(), Path: s.path(), Top: grouped(strconv.FormatFloat(s.top(), 'f', -1, 64)),
	}
	if s.known() {
		v.Count = strconv.FormatInt(s.count, 10)
		v.Shown = grouped(v.Count)
	}
	var b bytes.Buffer
	if err := p.template.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("rendering the page: %w", err)
	}
	return b.Bytes(), nil
}

var (
	styles  = regexp.MustCompile(`(?s)<style[^>]*>(.*?)</style>`)
	scripts = regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`)
)

// policy allows the page its own style, its own script and its events, nothing else. The hashes are
// taken from the rendered page, because html/template removes comments.
func policy(html []byte) (string, error) {
	style, script := styles.FindAllSubmatch(html, -1), scripts.FindAllSubmatch(html, -1)
	if len(style) != 1 || len(script) != 1 {
		return "", fmt.Errorf("making the policy of the page: %d styles and %d scripts, want one of each", len(style), len(script))
	}
	return "default-src 'none'; style-src " + source(style[0][1]) + "; script-src " + source(script[0][1]) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", nil
}

func source(inline []byte) string {
	sum := sha256.Sum256(inline)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
