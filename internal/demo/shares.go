package demo

import (
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/memory"
)

// meter counts the bytes of a tier's connections, from its own side, and the requests, since it was started.
type meter struct {
	received, sent, requests atomic.Uint64

	service string
	cpu     time.Duration // locked by shares.mu
}

// shares divides up what this process uses among the tiers that run, since the process is not measured by tier.
type shares struct {
	mu      sync.Mutex
	running []*meter
	last    time.Duration // of the process's processor time that is divided up
}

// The proxy copies, the web tier logs and counts, Redis adds one. The replicas share theirs by their requests.
var parts = map[string]float64{Nginx: 4, Web: 4, Redis: 2}

// begin makes the meter of a tier that starts.
func (s *shares) begin(service string) *meter {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.divide()
	m := &meter{service: service}
	s.running = append(s.running, m)
	return m
}

func (s *shares) end(m *meter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.divide()
	for i, other := range s.running {
		if other == m {
			s.running = append(s.running[:i:i], s.running[i+1:]...)
			return
		}
	}
}

// use is what a tier has used.
func (s *shares) use(m *meter) memory.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	part := s.divide()
	return memory.Usage{CPU: m.cpu, Memory: uint64(float64(processMemory()) * part(m)), Received: m.received.Load(), Sent: m.sent.Load()}
}

// divide hands out the processor time since it was called last; part is a tier's share of everything.
func (s *shares) divide() (part func(*meter) float64) {
	requests, whole := 0.0, 0.0
	weight := func(m *meter) float64 {
		if m.service == Web {
			return parts[Web] * float64(m.requests.Load()+1) / requests
		}
		return parts[m.service]
	}
	for _, m := range s.running {
		if m.service == Web {
			requests += float64(m.requests.Load() + 1)
		}
	}
	weights := make(map[*meter]float64, len(s.running))
	for _, m := range s.running {
		weights[m] = weight(m)
		whole += weights[m]
	}
	now := processCPU()
	for m, weight := range weights {
		m.cpu += time.Duration(float64(now-s.last) * weight / whole)
	}
	s.last = now
	return func(m *meter) float64 { return weights[m] / max(whole, 1) }
}

// processMemory is what the runtime has from the system, in bytes.
func processMemory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
