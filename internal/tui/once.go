package tui

import (
	"context"
	"io"
	"sort"
	"time"

	tea "charm.land/bubbletea/v2"
)

const (
	// onceLimit bounds how long one frame may take to settle; a frame of what is known then is still a frame.
	onceLimit = 6 * time.Second
	// quietFor is how long nothing new must come for a frame to count as settled; on a busy stack it is never quiet, and busyFor
	// after all is known must do.
	quietFor = 300 * time.Millisecond
	busyFor  = time.Second
)

// Once builds the dashboard at a size without a terminal, waits until it has settled, and returns its frame, with the
// styles in it, and what it shows as data.
func Once(parent context.Context, src Sources, o Options, width, height int) (frame string, data Snapshot, err error) {
	s := newShow(parent, src, o)
	defer s.close()
	program := tea.NewProgram(&settling{Model: s.model}, tea.WithContext(s.ctx), tea.WithInput(nil), tea.WithOutput(io.Discard),
		tea.WithoutRenderer(), tea.WithoutSignalHandler(), tea.WithWindowSize(width, height))
	s.produce(program.Send)
	_, err = program.Run()
	if err := s.ended(parent, err); err != nil {
		return "", Snapshot{}, err
	}
	s.model.width, s.model.height = width, height
	return s.model.content(), s.model.snapshot(), nil
}

// settling quits when the model has seen all of its sources.
type settling struct {
	*Model
	until    time.Time // the latest end
	complete time.Time // when all was known; zero before
	count    int       // messages so far
}

// quietMsg comes a while after message number n.
type quietMsg int

// Update passes everything on, and waits again whenever something came.
func (s *settling) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	now := time.Now()
	if s.until.IsZero() {
		s.until = now.Add(onceLimit)
	}
	var cmd tea.Cmd
	n, quiet := msg.(quietMsg)
	if !quiet {
		_, cmd = s.Model.Update(msg)
		s.count++
	}
	if s.complete.IsZero() && s.allKnown() {
		s.complete = now
	}
	known := !s.complete.IsZero()
	if known && (quiet && int(n) == s.count || now.Sub(s.complete) > busyFor) || now.After(s.until) {
		return s, tea.Quit
	}
	next := quietMsg(s.count)
	return s, tea.Batch(cmd, tea.Tick(quietFor, func(time.Time) tea.Msg { return next }))
}

// allKnown reports whether each source has said something: the engine, or that it is away; usage of all that runs; the counter, or why not.
func (s *settling) allKnown() bool {
	if !s.known {
		return false
	}
	if s.state.Err != nil || len(s.state.Containers) == 0 {
		return true
	}
	summary := s.visits.Summary()
	for _, c := range s.state.Containers {
		if c.State == "running" && c.Usage == nil {
			return false
		}
	}
	return summary.Known || summary.Err != nil
}

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

// RequestsSnapshot is what nginx's log says about the last ten seconds.
type RequestsSnapshot struct {
	Count  int                `json:"count"`
	Rate   float64            `json:"per_second"`
	P50    float64            `json:"p50_ms"`
	P95    float64            `json:"p95_ms"`
	P99    float64            `json:"p99_ms"`
	Status map[string]int     `json:"status"`
	Shares map[string]float64 `json:"shares"`
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
		Status: map[string]int{}, Shares: n.Shares,
	}
	for class, count := range n.Stats.Status {
		if count > 0 {
			r.Status[[]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}[class]] = count
		}
	}
	return v, r
}
