// Package board shows the stack's dashboards without Grafana: pages with charts that are drawn here, as SVG, from what the stack's
// Prometheus knows.
package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/dashboards"
)

const (
	headerTimeout = 5 * time.Second
	// pageTimeout bounds the making of a page, with all its queries.
	pageTimeout = 30 * time.Second
	stopTimeout = 2 * time.Second
	// pagesAtOnce is how many are made side by side; others wait.
	pagesAtOnce = 2
)

// Board shows the dashboards of a project.
type Board struct {
	Project    string
	Prometheus Prometheus
	Now        func() time.Time // nil is time.Now

	pages chan struct{}
}

func (b *Board) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// Report writes all dashboards as one page that needs nothing else.
func (b *Board) Report(ctx context.Context, w io.Writer, r Range) error {
	ctx, cancel := context.WithTimeout(ctx, 2*pageTimeout)
	defer cancel()
	now := b.now()
	v := newPage(b.Project, now)
	v.Report, v.Title = true, "report of "+now.Format(time.DateTime)
	var err error
	if v.Alerts, err = readAlerts(ctx, b.Prometheus); err != nil {
		return err
	}
	for _, d := range dashboards.All() {
		found, err := readDashboard(ctx, b.Prometheus, d, r, now)
		if err != nil {
			return fmt.Errorf("reading dashboard %q: %w", d.Name, err)
		}
		v.add(found)
		v.Links = append(v.Links, link{Words: d.Title, Address: "#" + d.Name})
	}
	_, err = io.WriteString(w, v.html())
	return err
}

// Serve answers requests until ctx is done.
func (b *Board) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: b.Handler(l.Addr()), ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: 2*pageTimeout + headerTimeout,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		stopped <- server.Shutdown(ending)
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the board: %w", err)
	}
	if err := <-stopped; errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return nil
}

// Handler answers requests that were sent to a loopback address, by that address or as localhost. Other names in the header Host are
// those of a site that lets its own name point here, to read the page in a visitor's browser.
func (b *Board) Handler(at net.Addr) http.Handler {
	b.pages = make(chan struct{}, pagesAtOnce)
	_, port, _ := net.SplitHostPort(at.String())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", policy+"; frame-ancestors 'none'")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cache-Control", "no-store")
		switch {
		case !isOurs(r.Host, port):
			http.Error(w, "this address is for this machine alone; open http://127.0.0.1:"+port+"/", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			head.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
		default:
			b.answer(w, r)
		}
	})
}

func isOurs(host, port string) bool {
	name, of, err := net.SplitHostPort(host)
	if err != nil {
		name, of = strings.Trim(host, "[]"), "80"
	}
	return of == port && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, name)
}

func (b *Board) answer(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = dashboards.All()[0].Name
	}
	d, ok := dashboards.Find(name)
	if !ok {
		http.Error(w, "there is no such dashboard", http.StatusNotFound)
		return
	}
	chosen, err := rangeOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	select {
	case b.pages <- struct{}{}:
		defer func() { <-b.pages }()
	case <-ctx.Done():
		http.Error(w, "too many pages are being made", http.StatusServiceUnavailable)
		return
	}
	v, status := b.page(ctx, d, chosen)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, v.html()) // who went away reads no error
	}
}

// DefaultRange is the range of a page that names none.
const DefaultRange = "15m"

func rangeOf(query url.Values) (Range, error) {
	name := query.Get("range")
	if name == "" {
		name = DefaultRange
	}
	r, ok := FindRange(name)
	if !ok {
		return r, errors.New("there is no such range; use 15m, 1h, 6h or 24h")
	}
	return r, nil
}

func (b *Board) page(ctx context.Context, d dashboards.Dashboard, r Range) (v pageView, status int) {
	now := b.now()
	v = newPage(b.Project, now)
	v.Title = d.Title
	v.Links, v.Ranges = links(d, r)
	found, err := readDashboard(ctx, b.Prometheus, d, r, now)
	if err == nil {
		v.add(found)
		v.Alerts, err = readAlerts(ctx, b.Prometheus)
	}
	if err != nil {
		v.Failure = clean(err.Error(), 4*maxWords)
		return v, http.StatusBadGateway
	}
	return v, http.StatusOK
}
