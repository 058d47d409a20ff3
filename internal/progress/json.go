package progress

import (
	"io"
	"sync"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/terminal"
)

// Event is an event as it is printed in the style JSON; docs/json.md describes it.
type Event struct {
	Kind      string  `json:"kind"`
	Verb      string  `json:"verb"`
	Object    string  `json:"object"`
	Service   string  `json:"service,omitempty"`
	Cause     string  `json:"cause,omitempty"`
	Detail    string  `json:"detail,omitempty"`
	ElapsedMS float64 `json:"elapsed_ms,omitempty"`
	Error     string  `json:"error,omitempty"`
}

// jsonLines prints one JSON object an event.
type jsonLines struct {
	mu sync.Mutex
	w  io.Writer
}

func (r *jsonLines) Event(e report.Event) {
	out := Event{
		Kind: string(e.Kind), Verb: e.Verb, Object: e.Object, Service: e.Service, Cause: e.Cause, Detail: e.Detail,
		ElapsedMS: float64(e.Elapsed.Microseconds()) / 1000,
	}
	if e.Err != nil {
		out.Error = e.Err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = terminal.JSON(r.w).Encode(out)
}

func (r *jsonLines) Close() {}
func (r *jsonLines) Pause() {}
