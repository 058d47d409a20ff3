package board

import (
	"slices"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/dashboards"
)

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		unit      dashboards.Unit
		want      []string
	}{
		{0, 54, dashboards.Requests, []string{"0", "20", "40", "60"}},
		{0, 2, dashboards.Number, []string{"0", "1", "2"}},
		{0, 0, dashboards.Number, []string{"0", "1"}},
		{0, 1234567, dashboards.Requests, []string{"0", "0.5 M", "1.0 M", "1.5 M"}},
		{0, 0.18, dashboards.Seconds, []string{"0", "50 ms", "100 ms", "150 ms", "200 ms"}},
		{0, 0, dashboards.Seconds, []string{"0", "0.25 ms", "0.50 ms", "0.75 ms", "1.00 ms"}},
		{0, 90, dashboards.Seconds, []string{"0", "0.5 min", "1.0 min", "1.5 min"}},
		{0, 96 << 20, dashboards.Bytes, []string{"0", "32 MiB", "64 MiB", "96 MiB"}},
		{0, 700, dashboards.Bytes, []string{"0", "256 B", "512 B", "768 B"}},
		{0, 0.0034, dashboards.Percent, []string{"0", "0.1 %", "0.2 %", "0.3 %", "0.4 %"}},
		{-0.5, 1, dashboards.Percent, []string{"-50 %", "0", "50 %", "100 %"}},
	} {
		_, labels := newAxis(c.low, c.high, c.unit).ticks()
		if !slices.Equal(labels, c.want) {
			t.Errorf("%g to %g %s: got %q, want %q", c.low, c.high, c.unit, labels, c.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  dashboards.Unit
		want  string
	}{
		{13.456, dashboards.Requests, "13.5 req/s"}, {0, dashboards.Requests, "0 req/s"}, {99.96, dashboards.Number, "100"}, {1500, dashboards.Number, "1.5 k"},
		{0.000993, dashboards.Seconds, "993 µs"}, {0.0239, dashboards.Seconds, "23.9 ms"}, {0, dashboards.Seconds, "0 ms"}, {7200, dashboards.Seconds, "2 h"},
		{1.36 * (1 << 20), dashboards.Bytes, "1.36 MiB"}, {0.0142, dashboards.Percent, "1.42 %"}, {0.99999, dashboards.Percent, "100 %"},
		{0.00123, dashboards.Cores, "0.0012 cores"}, {-0.25, dashboards.Percent, "-25 %"},
	} {
		if got := text(c.value, c.unit); got != c.want {
			t.Errorf("%g: got %q, want %q", c.value, got, c.want)
		}
	}
}

func TestTimeTicks(t *testing.T) {
	place := time.FixedZone("here", 5*3600+1800)
	start := time.Date(2026, 11, 28, 22, 7, 0, 0, place)
	for _, c := range []struct {
		long time.Duration
		want []string
	}{
		{15 * time.Minute, []string{"22:08", "22:10", "22:12", "22:14", "22:16", "22:18", "22:20", "22:22"}},
		{6 * time.Hour, []string{"23:00", "29 Nov", "01:00", "02:00", "03:00", "04:00"}},
		{24 * time.Hour, []string{"29 Nov", "04:00", "08:00", "12:00", "16:00", "20:00"}},
	} {
		if _, got := timeTicks(start, start.Add(c.long), 8); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.long, got, c.want)
		}
	}
}
