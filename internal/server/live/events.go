package live

import (
	"fmt"
	"net/http"
	"time"
)

// retry tells browsers to wait two seconds before they connect again.
const retry = "retry: 2000\n\n"

// Events streams the state to one viewer until it leaves or is too slow. There is no queue: a viewer that is ready for the next
// event gets the newest state, and the states in between are skipped.
func (p *Page) Events(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	defer p.viewers.Add(-1)
	if p.viewers.Add(1) > p.limit {
		h.Set("Retry-After", "10")
		http.Error(w, "Too many viewers. Please try again in a moment.", http.StatusServiceUnavailable)
		return
	}
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // otherwise nginx would buffer the events
	if r.Method == http.MethodHead {
		return
	}
	out := &stream{w: w, control: http.NewResponseController(w), patience: p.patience}
	// Without this, the server's ReadTimeout would end the stream.
	if err := out.control.SetReadDeadline(time.Time{}); err != nil {
		p.log.Debug("viewer not served", "error", err.Error())
		return
	}
	if err := p.stream(r, out); err != nil && r.Context().Err() == nil {
		p.log.Debug("viewer dropped", "error", err.Error(), "remote", r.RemoteAddr)
	}
}

// stream sends events until the viewer or the server ends it; it returns an error if the viewer is too slow.
func (p *Page) stream(r *http.Request, out *stream) error {
	seen := p.current.Load()
	if err := out.send([]byte(retry), seen.full()); err != nil {
		return err
	}
	beat := time.NewTicker(p.beat)
	defer beat.Stop()
	for {
		next := []byte(": still here\n\n")
		select {
		case <-r.Context().Done():
			return nil
		case <-p.closed:
			return nil
		case <-beat.C:
		case <-seen.replaced:
			newest := p.current.Load()
			next = newest.delta
			if newest.samples > seen.samples+1 { // a part of the chart was skipped
				next = newest.full()
			}
			seen = newest
			beat.Reset(p.beat)
		}
		if err := out.send(next); err != nil {
			return err
		}
	}
}

// stream writes events to one viewer, each within a deadline.
type stream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
}

func (s *stream) send(parts ...[]byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.patience)); err != nil {
		return fmt.Errorf("setting the deadline of an event: %w", err)
	}
	for _, part := range parts {
		if _, err := s.w.Write(part); err != nil {
			return fmt.Errorf("writing an event: %w", err)
		}
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("sending an event: %w", err)
	}
	return nil
}
