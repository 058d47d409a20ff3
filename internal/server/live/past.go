package live

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/history"
)

// Waiting is what Redis knows of the history of visits: ok is false if the stack keeps none.
type Waiting func(ctx context.Context) (behind int64, since time.Time, ok bool, err error)

const (
	// pastAge is how long an answer is given again, regardless of how many viewers there are.
	pastAge = 5 * time.Second
	// pastTimeout bounds the questions to Redis and the archive.
	pastTimeout = 3 * time.Second
)

// Past answers with the history of visits over a range. The archive is asked once for all viewers.
type Past struct {
	address string
	waiting Waiting
	client  *history.Client
	log     *slog.Logger
	now     func() time.Time

	mu    sync.Mutex // held while the archive is asked: others wait for its answer
	known map[string]answer
}

type answer struct {
	at     time.Time
	status int
	body   []byte
}

// past is the JSON of an answer.
type past struct {
	Range  string    `json:"range"`
	Step   int64     `json:"step"`             // seconds
	Values []int64   `json:"values,omitempty"` // visits, the newest last
	Total  int64     `json:"total"`
	Behind int64     `json:"behind"` // visits that are in Redis only; the newest value includes them
	Since  time.Time `json:"since"`  // the history last had all visits
}

// NewPast returns one that asks the archive at an address; "" is for none.
func NewPast(address string, waiting Waiting, log *slog.Logger) *Past {
	dial := func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) }
	return &Past{address: address, waiting: waiting, client: history.NewClient(dial), log: log, now: time.Now, known: map[string]answer{}}
}

// Close closes idle connections.
func (p *Past) Close() { p.client.Close() }

// ServeHTTP answers GET /history?range=1h, 24h or 30d: 204 if the stack keeps no history, and 503 while the archive does not answer.
func (p *Past) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	name := r.URL.Query().Get("range")
	if _, ok := history.RangeOf(name); !ok {
		http.Error(w, "The range is 1h, 24h or 30d.", http.StatusBadRequest)
		return
	}
	found := p.answer(r.Context(), name)
	if found.status == http.StatusNoContent { // no error: a browser would write one to its console
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(found.status)
	_, _ = w.Write(found.body) // an error means that the client is gone
}

func (p *Past) answer(ctx context.Context, name string) answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.known[name]; ok && p.now().Sub(a.at) < pastAge {
		return a
	}
	// Not the viewer's context: others get the answer, too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pastTimeout)
	defer cancel()
	a := p.ask(ctx, name)
	p.known[name] = a
	return a
}

func (p *Past) ask(ctx context.Context, name string) answer {
	now := p.now()
	r, _ := history.RangeOf(name)
	if p.address == "" {
		return answer{at: now, status: http.StatusNoContent}
	}
	behind, since, ok, err := p.waiting(ctx)
	if err != nil || !ok {
		return answer{at: now, status: http.StatusNoContent}
	}
	found, status := past{Range: name, Step: int64(r.Step.Seconds()), Behind: behind, Since: since}, http.StatusOK
	visits, err := p.client.Visits(ctx, r.Begin(now), r.By)
	if err != nil {
		p.log.Debug("history not read", "error", err.Error())
		status = http.StatusServiceUnavailable
	} else {
		found.Values = r.Sum(visits, now, behind)
		for _, v := range found.Values {
			found.Total += v
		}
	}
	body, err := json.Marshal(found)
	if err != nil {
		return answer{at: now, status: http.StatusNoContent}
	}
	return answer{at: now, status: status, body: body}
}
