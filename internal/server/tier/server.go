package tier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The timeouts of a tier's servers, which NewServer sets.
const (
	ReadHeaderTimeout = 5 * time.Second
	ReadTimeout       = 10 * time.Second
	// WriteTimeout is for short answers: longer than ReadTimeout, which it includes.
	WriteTimeout = ReadTimeout + 5*time.Second
	// IdleTimeout is longer than the 60 s after which nginx closes an idle connection to its upstream. Otherwise nginx would sometimes
	// send a request on a connection that is just being closed here, and answer 502.
	IdleTimeout = 75 * time.Second
	// MaxHeaderBytes bounds a request's header.
	MaxHeaderBytes = 16 << 10
)

// NewServer returns a server with the limits above. Its own errors go to log as warnings.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: ReadHeaderTimeout, ReadTimeout: ReadTimeout, WriteTimeout: WriteTimeout,
		IdleTimeout: IdleTimeout, MaxHeaderBytes: MaxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Port is an address that a tier listens on, and the server of its requests.
type Port struct {
	Addr   string // host:port to listen on; port 0 takes a free one
	Hint   string // how to set another address, for the error: "LISTEN_ADDR sets another address"
	For    string // what it serves, such as "/metrics"; "" is the tier's own work
	Server *http.Server

	listener net.Listener
}

// At returns the host:port that p listens on, or "" if it is nil or Listen was not called.
func (p *Port) At() string {
	if p == nil || p.listener == nil {
		return ""
	}
	return p.listener.Addr().String()
}

// Close closes the port's listener, of a Runner that will not Serve.
func (p *Port) Close() error { return p.listener.Close() }

func (p *Port) listen(ctx context.Context) (err error) {
	var open net.ListenConfig
	if p.listener, err = open.Listen(ctx, "tcp", p.Addr); err == nil {
		return nil
	}
	p.listener = nil
	purpose := ""
	if p.For != "" {
		purpose = " for " + p.For
	}
	return fmt.Errorf("listening on %q%s (%s): %w", p.Addr, purpose, p.Hint, err)
}

// Runner listens on a tier's ports, serves them beside the tier's other work, and stops in order: the requests in flight are answered,
// first those of the first port, then the work ends.
type Runner struct {
	Log      *slog.Logger
	Flush    func()        // writes what the log has buffered; nil for nothing
	Timeout  time.Duration // how long requests in flight may take once the tier is told to stop
	InFlight func() int64  // the requests whose loss is an error; nil for none
	Ports    []*Port
	// Work runs until its context is done, which is after the last request. An error before that ends the tier.
	Work []func(context.Context) error
}

// Listen opens all ports, or none. It is separate from Serve so that a bind error is returned before anything is served. It logs about,
// pairs of key and value, beside the first port's address.
func (r *Runner) Listen(ctx context.Context, about func() []any) error {
	for i, p := range r.Ports {
		if err := p.listen(ctx); err != nil {
			for _, opened := range r.Ports[:i] {
				_ = opened.Close()
			}
			return err
		}
	}
	r.Log.Info("listening", append([]any{"addr", r.Ports[0].At()}, about()...)...)
	r.flush()
	return nil
}

// Serve answers requests until ctx is done, then drains for at most Timeout. It returns an error if requests of InFlight had to be cut
// off. It closes the listeners, so it can be called only once.
func (r *Runner) Serve(ctx context.Context) error {
	defer r.flush()
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	failed := make(chan error, len(r.Ports)+len(r.Work))
	var running sync.WaitGroup
	for _, p := range r.Ports {
		running.Go(func() {
			if err := p.Server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serving on %q: %w", p.At(), err)
			}
		})
	}
	for _, work := range r.Work {
		running.Go(func() {
			if err := work(working); err != nil && working.Err() == nil {
				failed <- err
			}
		})
	}
	var err error
	select {
	case err = <-failed:
		for _, p := range r.Ports {
			_ = p.Server.Close()
		}
	case <-ctx.Done():
		err = r.drain(ctx)
	}
	stop()
	running.Wait()
	r.Log.Info("stopped")
	return err
}

// drain waits for requests in flight, and closes the remaining connections.
func (r *Runner) drain(ctx context.Context) error {
	var inFlight int64
	if r.InFlight != nil {
		inFlight = r.InFlight()
	}
	r.Log.Info("draining", "in_flight", inFlight, "timeout", r.Timeout.String())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Timeout)
	defer cancel()
	err := r.Ports[0].Server.Shutdown(ctx)
	// Shutdown also waits for connections that never sent a request, and it polls only every half second. So not its error but the
	// number of running requests says whether a response was lost.
	var cut int64
	if err != nil && r.InFlight != nil {
		cut = r.InFlight()
	}
	for _, p := range r.Ports[1:] {
		_ = p.Server.Shutdown(ctx)
	}
	for _, p := range r.Ports {
		_ = p.Server.Close()
	}
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("draining %d requests within %s: %w", cut, r.Timeout, err)
}

func (r *Runner) flush() {
	if r.Flush != nil {
		r.Flush()
	}
}
