package visits

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the counter's metrics for Prometheus; docs/web.md lists them.
type metrics struct {
	size     prometheus.Histogram
	duration prometheus.Histogram
	wait     prometheus.Histogram
	retries  prometheus.Counter
	shed     prometheus.Counter
}

func newMetrics() *metrics {
	seconds := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	return &metrics{
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "stackctl_visits_batch_size", Help: "Visits booked with one command.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "stackctl_visits_batch_duration_seconds", Help: "Time of one attempt to book a batch in Redis.", Buckets: seconds,
		}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "stackctl_visits_wait_seconds", Help: "Time for which a visit waited for its number.", Buckets: seconds,
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stackctl_visits_batch_retries_total", Help: "Attempts to book a batch that had to be repeated.",
		}),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stackctl_visits_shed_total", Help: "Visits that were rejected because too many were waiting.",
		}),
	}
}

// register registers them and the metrics of the queue and the connection pool.
func (m *metrics) register(reg prometheus.Registerer, s *Store) {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	total := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	}
	reg.MustRegister(m.size, m.duration, m.wait, m.retries, m.shed,
		gauge("stackctl_visits_waiting", "Visits that are waiting for a number.", func() float64 { return float64(s.counter.queued()) }),
		gauge("stackctl_redis_pool_connections", "Open connections to Redis.", func() float64 { return float64(s.client.PoolStats().TotalConns) }),
		gauge("stackctl_redis_pool_idle_connections", "Open connections to Redis that are not in use.", func() float64 { return float64(s.client.PoolStats().IdleConns) }),
		total("stackctl_redis_pool_hits_total", "Commands that found an open connection.", func() float64 { return float64(s.client.PoolStats().Hits) }),
		total("stackctl_redis_pool_misses_total", "Commands that needed a new connection.", func() float64 { return float64(s.client.PoolStats().Misses) }),
		total("stackctl_redis_pool_timeouts_total", "Commands that got no connection in time.", func() float64 { return float64(s.client.PoolStats().Timeouts) }),
	)
}
