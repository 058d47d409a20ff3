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
	"regexp"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/memory"
)

// maxBody is nginx.conf's client_max_body_size, in bytes.
const maxBody = 64 << 10

// proxyTier stands where nginx stands: it passes requests to the upstreams of its configuration in turn, and writes nginx's access log.
type proxyTier struct {
	port     int // on which it listens
	replicas *replicas
	shares   *shares
	meter    *meter

	mu        sync.Mutex
	ids       uint64
	turn      int
	upstreams []string

	server *http.Server
	served chan struct{}
}

var _ memory.Process = (*proxyTier)(nil)

// Start listens.
func (p *proxyTier) Start(c memory.Container) error {
	p.Reload(c)
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", localAddress(p.port))
	if err != nil {
		return fmt.Errorf("listening on port %d: %w", p.port, err)
	}
	p.meter = p.shares.begin(Nginx)
	p.server = &http.Server{
		Handler: p.handler(c.Out), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second,
		IdleTimeout: 65 * time.Second, ErrorLog: log.New(c.Err, "", 0),
	}
	server, served := p.server, make(chan struct{})
	p.served = served
	go func() { // ends with Stop, which waits for it
		defer close(served)
		_ = server.Serve(countedListener{ln, p.meter})
	}()
	return nil
}

// Stop lets the requests under way end.
func (p *proxyTier) Stop(bool) {
	ctx, cancel := context.WithTimeout(context.Background(), graceLimit)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
	<-p.served
	p.shares.end(p.meter)
}

var upstreamLine = regexp.MustCompile(`(?m)^\s*server ([^\s;]+)`)

// Reload reads the upstreams from the configuration.
func (p *proxyTier) Reload(c memory.Container) {
	var upstreams []string
	for _, found := range upstreamLine.FindAllStringSubmatch(c.Files["/etc/nginx/nginx.conf"], -1) {
		upstreams = append(upstreams, found[1])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upstreams = upstreams
}

// Usage is its share.
func (p *proxyTier) Usage() memory.Usage { return p.shares.use(p.meter) }

// Dial connects to it.
func (p *proxyTier) Dial(ctx context.Context, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", localAddress(p.port))
}

// next takes the next upstream in turn that takes requests.
func (p *proxyTier) next() (upstream string, run *webRun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.upstreams {
		upstream := p.upstreams[p.turn%len(p.upstreams)]
		p.turn++
		if run := p.replicas.take(upstream); run != nil {
			return upstream, run
		}
	}
	return "", nil
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
		e := &exchange{ResponseWriter: w, begin: time.Now(), id: p.requestID(r.Header.Get("X-Request-ID"))}
		defer func() { e.write(out, r) }()
		if r.ContentLength > maxBody {
			errorPage(e, http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = http.MaxBytesReader(e, r.Body, maxBody)
		upstream, run := p.next()
		if run == nil {
			errorPage(e, http.StatusBadGateway)
			return
		}
		defer run.inFlight.Done()
		e.upstream, e.run = upstream, run
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
