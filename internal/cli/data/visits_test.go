package data

import (
	"errors"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/history"
)

var noon = time.Date(2026, 11, 28, 12, 30, 0, 0, time.UTC)

func TestVisitsTable(t *testing.T) {
	v := &history.Visits{
		By: history.ByHour, Until: noon, Total: 1300,
		Intervals: []history.Interval{{At: noon.Add(-150 * time.Minute), Visits: 1299}, {At: noon.Add(-30 * time.Minute), Visits: 1}},
		Events:    []history.Event{{At: noon, Kind: history.Reset, From: 1300}, {At: noon, Kind: "\x1b[2J", From: 5, To: 5}},
	}
	v.Intervals = v.Fill()
	want := `UTC               VISITS
2026-11-28 10:00   1,299  ██████████
2026-11-28 11:00       0
2026-11-28 12:00       1  ▏
in all             1,300

UTC                  EVENT      COUNTER
2026-11-28 12:30:00  reset      1,300 -> 0
`
	got := visitsTable(v, 20)
	if !strings.HasPrefix(got, want) || strings.Contains(got, "\x1b") || !strings.HasSuffix(got, "  5\n") {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	var csv strings.Builder
	if err := writeCSV(&csv, v); err != nil || csv.String() != "at,visits\n2026-11-28T10:00:00Z,1299\n2026-11-28T11:00:00Z,0\n2026-11-28T12:00:00Z,1\n" {
		t.Errorf("%v, %q", err, csv.String())
	}
}

func TestVisitsFlags(t *testing.T) {
	for _, c := range []struct {
		since, by, wantBy string
		want              time.Duration
	}{
		{"90m", "", history.ByMinute, 90 * time.Minute}, {"24h", "", history.ByHour, 24 * time.Hour}, {"30d", "", history.ByDay, 30 * 24 * time.Hour},
		{"30d", history.ByMinute, history.ByMinute, 30 * 24 * time.Hour}, {"2026-11-28", "", history.ByHour, 12*time.Hour + 30*time.Minute},
	} {
		since, by, err := visitsOptions{since: c.since, by: c.by}.read(noon)
		if err != nil || by != c.wantBy || noon.Sub(since) != c.want {
			t.Errorf("%s by %q: %s ago by %q, %v", c.since, c.by, noon.Sub(since), by, err)
		}
	}
	for _, o := range []visitsOptions{{since: "x"}, {since: "-1h"}, {since: "0d"}, {since: "2027-01-01"}, {since: "365d", by: history.ByMinute}} {
		if _, _, err := o.read(noon); !errors.As(err, new(cli.UsageError)) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
