package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// sample is what one look at a container's usage says.
type sample struct {
	read          time.Time
	cpu           uint64 // ns since it started
	memory, limit uint64
	rx, tx        uint64
	pids          uint64
}

// stats are the fields of the engine's answer that are needed: decoding all of it costs several times as much.
type stats struct {
	Read time.Time `json:"read"`
	PIDs struct {
		Current uint64 `json:"current"`
	} `json:"pids_stats"`
	CPU struct {
		Usage struct {
			Total uint64 `json:"total_usage"`
		} `json:"cpu_usage"`
	} `json:"cpu_stats"`
	Memory struct {
		Usage uint64 `json:"usage"`
		Limit uint64 `json:"limit"`
		Stats struct {
			TotalInactiveFile *uint64 `json:"total_inactive_file"` // cgroup v1
			InactiveFile      uint64  `json:"inactive_file"`       // cgroup v2; v1 has it too, without the groups below
		} `json:"stats"`
	} `json:"memory_stats"`
	Networks map[string]struct {
		Rx uint64 `json:"rx_bytes"`
		Tx uint64 `json:"tx_bytes"`
	} `json:"networks"`
}

// maxStats bounds an answer, in bytes; usual are 3 kB.
const maxStats = 1 << 20

func readSample(r io.Reader) (sample, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxStats))
	if err != nil {
		return sample{}, fmt.Errorf("reading usage: %w", err)
	}
	var st stats
	if err := json.Unmarshal(text, &st); err != nil {
		return sample{}, fmt.Errorf("reading usage: %w", err)
	}
	s := sample{read: st.Read, cpu: st.CPU.Usage.Total, memory: st.Memory.Usage, limit: st.Memory.Limit, pids: st.PIDs.Current}
	// As docker stats does, see calculateMemUsageUnixNoCache in docker/cli.
	cache := st.Memory.Stats.InactiveFile
	if v1 := st.Memory.Stats.TotalInactiveFile; v1 != nil {
		cache = *v1
	}
	if cache < s.memory {
		s.memory -= cache
	}
	for _, n := range st.Networks {
		s.rx += n.Rx
		s.tx += n.Tx
	}
	return s, nil
}

// since makes the usage between two samples; nil when they are not of the same run of the container.
func (s sample) since(old sample) *Usage {
	elapsed := s.read.Sub(old.read)
	if old.read.IsZero() || elapsed <= 0 || s.cpu < old.cpu || s.rx < old.rx || s.tx < old.tx {
		return nil
	}
	return &Usage{
		At:     s.read,
		CPU:    100 * float64(s.cpu-old.cpu) / float64(elapsed),
		Memory: s.memory, MemoryLimit: s.limit,
		Rx: s.rx, Tx: s.tx,
		RxRate: float64(s.rx-old.rx) / elapsed.Seconds(),
		TxRate: float64(s.tx-old.tx) / elapsed.Seconds(),
		PIDs:   s.pids,
	}
}

// meter measures usage, in polls.
type meter struct {
	samples       map[string]sample // the last of each container, by ID
	sampling      map[string]bool
	tick, settled *time.Timer
	due           time.Time // when all are measured next
	fresh         bool      // there are numbers that were not sent
	settling      bool      // the settled timer is set
	began, wall   time.Time // for noticing that the machine slept
}

func newMeter(p pace) meter {
	return meter{
		samples: map[string]sample{}, sampling: map[string]bool{},
		tick: time.NewTimer(time.Hour), settled: time.NewTimer(time.Hour),
		began: time.Now(), wall: p.wall(),
	}
}

func (m *meter) forget(ids map[string]bool) {
	for id := range m.samples {
		if !ids[id] {
			delete(m.samples, id)
		}
	}
}

const (
	manyContainers = 20 // from here on usage is measured half as often, since it costs the engine more than us
	sleepAtLeast   = 10 * time.Second
)

// measure polls. Between two polls of all it polls those alone of which there is only one sample.
func (s *session) measure(ctx context.Context) {
	s.wake()
	now := time.Now()
	all := !now.Before(s.due)
	every := s.r.opts.StatsEvery
	if len(s.r.list) > manyContainers {
		every *= 2
	}
	if all {
		s.due = now.Add(every)
	}
	if !s.r.opts.NoStats {
		for _, c := range s.r.list {
			if c.State != "running" && c.State != "paused" {
				delete(s.samples, c.ID)
				continue
			}
			if all || s.r.usage[c.ID] == nil {
				s.sample(ctx, c.ID)
			}
		}
	}
	s.tick.Reset(time.Until(s.due))
	if !s.settling { // else a short interval would put it off for ever
		s.settling = true
		s.settled.Reset(s.r.opts.pace.settle)
	}
}

// sample asks for one container's numbers, unless an earlier question is still open.
func (s *session) sample(ctx context.Context, id string) {
	if s.sampling[id] {
		return
	}
	s.sampling[id] = true
	s.start(func() {
		var now sample
		err := s.limited(ctx, s.sampleSlots, func(ctx context.Context) error {
			answer, err := s.src.ContainerStatsOneShot(ctx, id)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			now, err = readSample(answer.Body)
			return err
		})
		s.post(ctx, func() {
			delete(s.sampling, id)
			s.count(id, now, err)
			if len(s.sampling) == 0 {
				s.commit()
			}
		})
	})
}

func (s *session) count(id string, now sample, err error) {
	switch {
	case err != nil:
		// The container may be gone, or the engine: the list tells which.
		delete(s.samples, id)
		s.setUsage(id, nil)
		s.soon()
	case !s.listed(id):
	case now.read.Equal(s.samples[id].read): // the engine had no newer numbers, or none at all
	default:
		u := now.since(s.samples[id])
		s.samples[id] = now
		if u == nil { // it needs a second sample: not so soon that the difference is mostly error
			s.tick.Reset(max(0, min(s.r.opts.pace.second, time.Until(s.due))))
		}
		if f, ok := s.r.facts[id]; ok && u != nil && f.memoryLimit == 0 {
			u.MemoryLimit = 0 // the engine then says how much the machine has
		}
		s.setUsage(id, u)
	}
}

func (s *session) setUsage(id string, u *Usage) {
	if s.r.usage[id] == nil && u == nil {
		return
	}
	s.r.usage[id] = u
	s.fresh = true
}

// commit sends what a poll found, as one State.
func (s *session) commit() {
	s.settling = false
	s.settled.Stop()
	if s.fresh {
		s.fresh = false
		s.dirty()
	}
}

// wake notices that the machine slept: then the wall's clock went on without the monotonic one. What was seen is old, and a rate
// over the night says nothing.
func (s *session) wake() {
	wall, now := s.r.opts.pace.wall(), time.Now()
	slept := wall.Round(0).Sub(s.wall.Round(0)) - now.Sub(s.began)
	s.wall, s.began = wall, now
	if slept.Abs() < sleepAtLeast {
		return
	}
	clear(s.samples)
	for id := range s.r.usage {
		s.setUsage(id, nil)
	}
	for _, c := range s.r.list {
		s.stale[c.ID] = true
	}
	s.soon()
}
