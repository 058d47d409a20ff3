package tui

import (
	"sort"
	"time"
)

// Snapshot is what the dashboard shows, for machines; docs/json.md describes it.
type Snapshot struct {
	Time     time.Time         `json:"time"`
	Project  string            `json:"project"`
	State    string            `json:"state"`
	Error    string            `json:"error,omitempty"`
	Engine   EngineSnapshot    `json:"engine"`
	URL      string            `json:"url,omitempty"`
	Visits   VisitsSnapshot    `json:"visits"`
	Requests RequestsSnapshot  `json:"requests"`
	Services []ServiceSnapshot `json:"services"`
	Event    string            `json:"last_event,omitempty"`
}

// EngineSnapshot is the engine that is watched.
type EngineSnapshot struct {
	Context string `json:"context"`
	Address string `json:"address"`
	Version string `json:"version"`
	API     string `json:"api"`
}

// VisitsSnapshot is the counter; Count is null while it is not known.
type VisitsSnapshot struct {
	Count *int64  `json:"count"`
	Rate  float64 `json:"per_second"`
	Error string  `json:"error,omitempty"`
}

// RequestsSnapshot is what the tiers' logs say about the last ten seconds.
type RequestsSnapshot struct {
	Count   int                `json:"count"`
	Rate    float64            `json:"per_second"`
	P50     float64            `json:"p50_ms"`
	P95     float64            `json:"p95_ms"`
	P99     float64            `json:"p99_ms"`
	Status  map[string]int     `json:"status"`
	Limited int                `json:"limited"`
	Blocked int                `json:"blocked"`
	Shares  map[string]float64 `json:"shares"`
}

// ServiceSnapshot is a container; usage is null while it is not known.
type ServiceSnapshot struct {
	Name     string         `json:"name"`
	Service  string         `json:"service"`
	Replica  int            `json:"replica"`
	State    string         `json:"state"`
	Health   string         `json:"health"`
	ExitCode int            `json:"exit_code"`
	Restarts int            `json:"restarts"`
	Started  *time.Time     `json:"started,omitempty"`
	Image    string         `json:"image"`
	Revision string         `json:"revision"`
	Usage    *UsageSnapshot `json:"usage"`
}

// UsageSnapshot is what a container uses; sizes are bytes.
type UsageSnapshot struct {
	CPU    float64 `json:"cpu_percent"`
	Memory uint64  `json:"memory"`
	Limit  uint64  `json:"memory_limit"`
	RxRate float64 `json:"received_per_second"`
	TxRate float64 `json:"sent_per_second"`
	PIDs   uint64  `json:"pids"`
}

func (m *Model) snapshot() Snapshot {
	s := Snapshot{
		Time: m.clock(), Project: m.src.Project, State: string(m.condition()), URL: m.state.URL(), Event: m.lastEvent.Text,
		Engine:   EngineSnapshot{m.state.Engine.Context, m.state.Engine.Address, m.state.Engine.Version, m.state.Engine.API},
		Services: []ServiceSnapshot{},
	}
	if m.state.Err != nil {
		s.Error = m.state.Err.Error()
	}
	s.Visits, s.Requests = m.numbers()
	for _, c := range m.state.Containers {
		row := ServiceSnapshot{
			Name: c.Name, Service: c.Service, Replica: c.Number, State: c.State, Health: c.Health, ExitCode: c.ExitCode, Restarts: c.Restarts,
			Image: c.Image, Revision: c.Revision,
		}
		if !c.StartedAt.IsZero() {
			row.Started = &c.StartedAt
		}
		if u := c.Usage; u != nil {
			row.Usage = &UsageSnapshot{u.CPU, u.Memory, u.MemoryLimit, u.RxRate, u.TxRate, u.PIDs}
		}
		s.Services = append(s.Services, row)
	}
	sort.SliceStable(s.Services, func(i, j int) bool { return s.Services[i].Service < s.Services[j].Service })
	return s
}

// numbers are the counter's and nginx's.
func (m *Model) numbers() (VisitsSnapshot, RequestsSnapshot) {
	n := m.visits.Summary()
	v := VisitsSnapshot{Rate: n.Rate}
	if n.Known {
		v.Count = &n.Visits
	}
	if n.Err != nil {
		v.Error = n.Err.Error()
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	r := RequestsSnapshot{
		Count: n.Stats.Requests, Rate: n.Stats.Rate, P50: ms(n.Stats.P50), P95: ms(n.Stats.P95), P99: ms(n.Stats.P99),
		Status: map[string]int{}, Limited: n.Stats.Limited, Blocked: n.Stats.Blocked, Shares: n.Shares,
	}
	for class, count := range n.Stats.Status {
		if count > 0 {
			r.Status[[]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}[class]] = count
		}
	}
	return v, r
}
