package demo

import (
	"runtime/metrics"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
)

// usage is the last sample of what this process uses.
type usage struct {
	at  time.Time
	cpu time.Duration
	of  map[*unit]sample
}

type sample struct{ received, sent uint64 }

// The process is not measured by tier. What it uses is divided up: the proxy copies, the web tier logs and counts, Redis adds one.
const (
	nginxPart = 4.0
	webPart   = 4.0
	redisPart = 2.0
)

// measure gives every unit that runs its share. Network is counted for each, but for Redis. The first measurement is only what the
// second is compared with.
func (s *Stack) measure() {
	now, cpu, memory := time.Now(), processCPU(), processMemory()
	s.mu.Lock()
	before := s.usage
	due := now.Sub(before.at) >= min(firstUsage, s.usageEvery)/2 // another watcher may just have measured
	if due {
		s.usage = s.sample(now, cpu)
	}
	lost := s.lost != nil
	s.mu.Unlock()
	if !due || lost || before.at.IsZero() {
		return
	}
	s.update(func() { s.share(before, memory) }, watch.Event{})
}

func (s *Stack) sample(now time.Time, cpu time.Duration) usage {
	current := usage{at: now, cpu: cpu, of: map[*unit]sample{}}
	for _, u := range s.units {
		current.of[u] = sample{u.meter.received.Load(), u.meter.sent.Load()}
	}
	return current
}

// share divides up what was used since the measurement before.
func (s *Stack) share(before usage, memory uint64) {
	parts, whole := s.parts()
	elapsed := s.usage.at.Sub(before.at).Seconds()
	for u, part := range parts {
		current, old := s.usage.of[u], before.of[u]
		u.Usage = &watch.Usage{
			At: s.clock(), CPU: 100 * (s.usage.cpu - before.cpu).Seconds() / elapsed * part / whole, Memory: uint64(float64(memory) * part / whole),
			Rx: current.received, Tx: current.sent, PIDs: 1,
			RxRate: rate(current.received, old.received, elapsed), TxRate: rate(current.sent, old.sent, elapsed),
		}
	}
}

// rate is by how much a counter grew, a second.
func rate(now, before uint64, seconds float64) float64 {
	if now < before {
		return 0
	}
	return float64(now-before) / seconds
}

// parts weighs the units that run; the replicas share theirs by their requests.
func (s *Stack) parts() (parts map[*unit]float64, whole float64) {
	parts = map[*unit]float64{}
	var requests float64
	for _, u := range s.units {
		if u.State == "running" && u.Service == Web {
			requests += float64(u.meter.requests.Load() + 1)
		}
	}
	for _, u := range s.units {
		if u.State != "running" {
			continue
		}
		switch u.Service {
		case Nginx:
			parts[u] = nginxPart
		case Redis:
			parts[u] = redisPart
		default:
			parts[u] = webPart * float64(u.meter.requests.Load()+1) / requests
		}
		whole += parts[u]
	}
	return parts, whole
}

// processMemory is what the runtime has from the system, in bytes.
func processMemory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
