package certs

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"stackctl.dev/stackctl/internal/server/tier"
)

// challengePath is what an ACME issuer requests on port 80, followed by a token: RFC 8555, section 8.3.
const challengePath = "/.well-known/acme-challenge/"

// tokens answers the challenges of the orders under way. Other requests are 404.
type tokens struct {
	log *slog.Logger
	mu  sync.Mutex
	of  map[string]string // the answer to each token; as many as an order has names
}

func newTokens(log *slog.Logger) *tokens { return &tokens{log: log, of: map[string]string{}} }

func (t *tokens) add(token, answer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of[token] = answer
}

func (t *tokens) remove(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, token)
}

func (t *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.URL.Path, challengePath)
	t.mu.Lock()
	answer := t.of[token]
	t.mu.Unlock()
	if !ok || answer == "" || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	t.log.Info("challenge answered", "host", tier.Clip(r.Host))
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = io.WriteString(w, answer) // an error means that the issuer is gone
}
