package visitpane

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/traffic"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// requests is what nginx's log says about the requests of the last seconds.
type requests struct {
	source    Source // nil: nothing is known of them
	stats     traffic.Stats
	addresses map[string]string // replica by address
	order     []string          // of the replicas
}

// statsOf is over how long they are taken.
const statsOf = 10 * time.Second

func (r *requests) refresh(now time.Time) {
	if r.source != nil {
		r.stats = r.source.Stats(now, statsOf)
	}
}

// Replica is how the pane calls a replica.
func Replica(service string, number int) string { return service + "-" + strconv.Itoa(number) }

// name notes the names of the replicas, by their addresses.
func (r *requests) name(containers []watch.Container) {
	r.addresses = map[string]string{}
	r.order = r.order[:0]
	for _, c := range containers {
		replica := Replica(c.Service, c.Number)
		for _, address := range c.Addresses {
			if address.IsValid() {
				r.addresses[address.String()] = replica
			}
		}
		r.order = append(r.order, replica)
	}
}

func (r *requests) view(t *theme.Theme, width int) []string {
	if r.source == nil {
		return nil
	}
	s := r.stats
	lines := []string{" " + t.Muted.Render("requests ") + t.Text.Render(draw.Rate(s.Rate)+"/s")}
	if s.Requests == 0 {
		return lines
	}
	latencies := latency(t, "p50", s.P50) + latency(t, "p95", s.P95) + latency(t, "p99", s.P99)
	if draw.Width(lines[0])+draw.Width(latencies) <= width {
		lines[0] += latencies
	} else {
		lines = append(lines, latencies)
	}
	lines = append(lines, r.statusLine(t))
	if shares := r.shareLine(t, width); shares != "" {
		lines = append(lines, shares)
	}
	return lines
}

func latency(t *theme.Theme, name string, d time.Duration) string {
	return t.Muted.Render(" "+name+" ") + t.Text.Render(draw.Latency(d))
}

func (r *requests) statusLine(t *theme.Theme) string {
	line := t.Muted.Render(" status  ")
	for class, n := range r.stats.Status {
		if class == 4 {
			// They have signs of their own. The firewall's lines may come before nginx's of the same requests.
			n = max(n-r.stats.Limited-r.stats.Blocked, 0)
		}
		if n == 0 {
			continue
		}
		style, sign := t.Good, "✔"
		switch class {
		case 5:
			style, sign = t.Bad, "✖"
		case 4, 0:
			style, sign = t.Warn, "!"
		}
		name := fmt.Sprintf("%dxx", class)
		if class == 0 {
			name = "other"
		}
		line += style.Render(sign+" "+name) + t.Text.Render(" "+percent(float64(n)/float64(r.stats.Requests))) + "  "
	}
	if n := r.stats.Limited; n > 0 {
		line += t.Warn.Render("⊘ "+draw.Count(n)+" limited") + "  "
	}
	if n := r.stats.Blocked; n > 0 {
		line += t.Bad.Render("⊗ "+draw.Count(n)+" blocked") + "  "
	}
	return line
}

type share struct {
	name string
	part float64
}

func (r *requests) shares() []share {
	total, parts := 0, map[string]int{}
	for upstream, n := range r.stats.Upstreams {
		name := upstream
		if host, _, err := net.SplitHostPort(upstream); err == nil {
			if name = r.addresses[host]; name == "" {
				name = host
			}
		}
		parts[name] += n
		total += n
	}
	var shares []share
	for name, n := range parts {
		shares = append(shares, share{name, float64(n) / float64(total)})
	}
	rank := func(name string) int {
		if i := slices.Index(r.order, name); i >= 0 {
			return i
		}
		return len(r.order)
	}
	slices.SortFunc(shares, func(a, b share) int {
		if d := rank(a.name) - rank(b.name); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return shares
}

func (r *requests) shareLine(t *theme.Theme, width int) string {
	line := ""
	for _, s := range r.shares() {
		gauge := ""
		if width >= 40 {
			gauge = t.Accent.Render(draw.Gauge(s.part, 8)) + " "
		}
		next := t.Muted.Render(draw.Safe(s.name)+" ") + gauge + t.Text.Render(percent(s.part)) + "  "
		if draw.Width(line)+draw.Width(next) > width-9 {
			line += t.Muted.Render("…")
			break
		}
		line += next
	}
	if line == "" {
		return ""
	}
	return t.Muted.Render(" share   ") + line
}

func percent(part float64) string {
	if part > 0 && part < 0.005 {
		return "<1%"
	}
	return fmt.Sprintf("%.0f%%", part*100)
}
