package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// maxBody is nginx.conf's client_max_body_size, in bytes.
const maxBody = 64 << 10

// proxyTier stands where nginx stands: it passes requests to the replicas in turn, and writes nginx's access log.
type proxyTier struct {
	clock func() time.Time
	log   io.Writer
	host  string // where it listens; the port that was found stays the same over restarts
	meter meter

	mu       sync.Mutex
	port     int
	ids      uint64
	turn     int
	replicas []*webTier

	server *http.Server
	served chan struct{}
}

var _ tier = (*proxyTier)(nil)

func (p *proxyTier) start(life context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ln, err := new(net.ListenConfig).Listen(life, "tcp", net.JoinHostPort(p.host, fmt.Sprint(p.port)))
	if err != nil {
		return fmt.Errorf("listening on port %d: %w; --port chooses another, 0 a free one", p.port, err)
	}
	if address, ok := ln.Addr().(*net.TCPAddr); ok {
		p.port = address.Port
	}
	p.server = &http.Server{
		Handler: p.handler(p.log), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second,
		IdleTimeout: 65 * time.Second, ErrorLog: log.New(p.log, "", 0),
	}
	server, served := p.server, make(chan struct{})
	p.served = served
	go func() { // ends with stop, which waits for it
		defer close(served)
		_ = server.Serve(countedListener{ln, &p.meter})
	}()
	return nil
}

// stop lets the requests under way end.
func (p *proxyTier) stop() {
	p.mu.Lock()
	server, served := p.server, p.served
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), graceLimit)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
	<-served
}

func (p *proxyTier) address() (host string, port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.host, p.port
}

// route sets the replicas that requests go to, as an edited configuration and a reload do.
func (p *proxyTier) route(replicas []*webTier) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replicas = replicas
}

// next takes the next replica in turn that takes requests.
func (p *proxyTier) next() (*webTier, *webRun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.replicas {
		w := p.replicas[p.turn%len(p.replicas)]
		p.turn++
		if run := w.take(); run != nil {
			return w, run
		}
	}
	return nil, nil
}

type exchangeKey struct{}

// handler passes requests on. out is where their lines go, also of those that outlive a stop.
func (p *proxyTier) handler(out io.Writer) http.Handler {
	reverse := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "web"})
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			r.Out.Header.Set("X-Request-ID", exchangeOf(r.In).id)
		},
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) { return exchangeOf(r).pass(r) }),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			errorPage(w, statusOf(r, err))
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.meter.requests.Add(1)
		e := &exchange{ResponseWriter: w, begin: time.Now(), id: p.requestID(r.Header.Get("X-Request-ID"))}
		defer func() { e.write(out, p.clock(), r) }()
		if r.ContentLength > maxBody {
			errorPage(e, http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = http.MaxBytesReader(e, r.Body, maxBody)
		replica, run := p.next()
		if replica == nil {
			errorPage(e, http.StatusBadGateway)
			return
		}
		defer run.inFlight.Done()
		e.upstream, e.run = replica.upstream, run
		reverse.ServeHTTP(e, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, e)))
	})
}

func exchangeOf(r *http.Request) *exchange {
	e, _ := r.Context().Value(exchangeKey{}).(*exchange) // the handler always puts it there
	return e
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// statusOf is what nginx answers when a replica gives no answer. 499 is its code for a client that went away.
func statusOf(r *http.Request, err error) int {
	var timeout net.Error
	var large *http.MaxBytesError
	switch {
	case r.Context().Err() != nil:
		return 499
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

func errorPage(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	fmt.Fprintf(w, "<html>\n<head><title>%s</title></head>\n<body>\n<center><h1>%[1]s</h1></center>\n<hr><center>stackctl demo</center>\n</body>\n</html>\n", title)
}

// countedListener counts the bytes of all its connections.
type countedListener struct {
	net.Listener
	meter *meter
}

func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countedConn{conn, &l.meter.received, &l.meter.sent}, nil
}
