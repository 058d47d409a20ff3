package edge

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stackctl.dev/stackctl/internal/accesslog"
	"stackctl.dev/stackctl/internal/server/tier"
)

// Who answered a request.
const (
	tierNginx       = "nginx"       // it was limited, malformed, redirected, given up by the client, or no upstream answered
	tierMaintenance = "maintenance" // nginx too, on purpose
	tierWAF         = "waf"
	tierWeb         = "web"
	tierCerts       = "certs"
	tierOther       = "other"
)

// innerPort is where the firewall's own requests for the web tier come to nginx: the clients' are counted already.
const innerPort = 5004

// streams is the route whose responses last as long as their clients watch.
const streams = "/events"

// maxUpstreams bounds the addresses of which there are metrics. Of more, the one that was silent longest is forgotten.
const maxUpstreams = 64

// metrics are the tier's metrics for Prometheus; docs/monitoring.md lists them.
type metrics struct {
	registry          *prometheus.Registry
	requests          *prometheus.CounterVec
	duration          *prometheus.HistogramVec
	upstream          *prometheus.HistogramVec
	failures          *prometheus.CounterVec
	received, invalid prometheus.Counter
	seen              map[string]time.Time // upstreams; of the receiving goroutine alone
	now               func() time.Time
}

// known are the answers that are counted from 0, so that the first one of each kind is an increase.
var known = map[string][]int{
	tierWeb:   {200, 404, 405, 500, 503},
	tierNginx: {308, 400, 413, 429, 499, 502, 504},
	tierWAF:   {403}, tierMaintenance: {503},
}

func newMetrics(version string, port int) *metrics {
	m := &metrics{registry: tier.NewRegistry(version), seen: map[string]time.Time{}, now: time.Now}
	// nginx measures whole milliseconds.
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stackctl_edge_requests_total", Help: "Requests that nginx has answered, by who gave the answer and its status.",
	}, []string{"tier", "code"})
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "stackctl_edge_request_duration_seconds", Buckets: buckets,
		Help: "Time from a request's first byte to the last one of its response, without streams of events.",
	}, []string{"tier", "class"})
	m.upstream = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "stackctl_edge_upstream_duration_seconds", Buckets: buckets,
		Help: "Time that nginx waited for the answer of an upstream, without streams of events.",
	}, []string{"upstream", "class"})
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stackctl_edge_upstream_failures_total", Help: "Attempts at an upstream that had no response.",
	}, []string{"upstream"})
	m.received = prometheus.NewCounter(prometheus.CounterOpts{Name: "stackctl_edge_datagrams_total", Help: "Lines that came from nginx."})
	m.invalid = prometheus.NewCounter(prometheus.CounterOpts{Name: "stackctl_edge_datagrams_invalid_total", Help: "Of them, those that could not be read."})
	lost := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "stackctl_edge_datagrams_lost_total", Help: "Lines that the kernel dropped because the queue was full.",
	}, func() float64 { return float64(dropped(port)) })
	m.registry.MustRegister(m.requests, m.duration, m.upstream, m.failures, m.received, m.invalid, lost, newDisk("/"))
	for who, codes := range known {
		for _, code := range codes {
			m.requests.WithLabelValues(who, strconv.Itoa(code))
		}
	}
	return m
}

// observe counts a line of nginx's.
func (m *metrics) observe(l *accesslog.Line) {
	stream := string(l.URI) == streams
	m.attempts(l, stream)
	if l.Port == innerPort {
		return
	}
	who := answeredBy(l)
	code, class := "other", "other"
	if l.Status >= 100 && l.Status <= 599 {
		code, class = codes[l.Status], classes[l.Status/100]
	}
	m.requests.WithLabelValues(who, code).Inc()
	if !stream {
		m.duration.WithLabelValues(who, class).Observe(l.Took.Seconds())
	}
}

// answeredBy tells who gave the answer.
func answeredBy(l *accesslog.Line) string {
	if !l.Answered() {
		if l.Status == http.StatusServiceUnavailable {
			return tierMaintenance // nginx has no other reason for it
		}
		return tierNginx
	}
	switch proxy := string(l.Proxy); {
	case len(l.Verdict) > 0:
		return tierWAF
	case proxy == tierWeb || proxy == tierWAF:
		return tierWeb
	case proxy == tierCerts:
		return tierCerts
	}
	return tierOther
}

// attempts counts what nginx asked its upstreams for one request.
func (m *metrics) attempts(l *accesslog.Line, stream bool) {
	for attempt := range l.Attempts() {
		if len(attempt.Upstream) < 2 { // "-" is none
			continue
		}
		upstream := m.nameOf(attempt.Upstream)
		switch {
		case !attempt.Answered:
			m.failures.WithLabelValues(upstream).Inc()
		case !stream:
			// nginx has one status for the request; that of an attempt before the last one never had a response.
			class := "other"
			if l.Status >= 100 && l.Status <= 599 {
				class = classes[l.Status/100]
			}
			m.upstream.WithLabelValues(upstream, class).Observe(attempt.Took.Seconds())
		}
	}
}

// nameOf is the label of an upstream's address. One that is new may take the place of one that is gone.
func (m *metrics) nameOf(address []byte) string {
	if _, ok := m.seen[string(address)]; !ok {
		if len(m.seen) >= maxUpstreams {
			oldest := ""
			for name, at := range m.seen {
				if oldest == "" || at.Before(m.seen[oldest]) {
					oldest = name
				}
			}
			delete(m.seen, oldest)
			m.upstream.DeletePartialMatch(prometheus.Labels{"upstream": oldest})
			m.failures.DeleteLabelValues(oldest)
		}
		m.failures.WithLabelValues(accesslog.Text(address))
	}
	name := accesslog.Text(address)
	m.seen[name] = m.now()
	return name
}

var (
	codes = func() (texts [600]string) {
		for code := range texts {
			texts[code] = strconv.Itoa(code)
		}
		return texts
	}()
	classes = [...]string{"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"}
)
