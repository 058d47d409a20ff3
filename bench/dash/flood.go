package dash

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/bench/dash/screen"
	"stackctl.dev/stackctl/bench/report"
)

const (
	// floodRate is in lines a second.
	floodRate = 50_000
	// floodWarmUp is how long the flood runs before it is measured.
	floodWarmUp = 5 * time.Second
	// floodMargin is what the flood runs longer than its reader needs.
	floodMargin = 60 * time.Second
	// keyLimit bounds the wait for a key's effect.
	keyLimit = 10 * time.Second
)

// A key that switches something, and a word that is on the screen only while it is on.
const (
	wrapKey  = "w"
	wrapWord = "wrapped"
)

// measureFlood measures the dashboard while a container of its project prints lines at a given rate.
func (d *dashboard) measureFlood(ctx context.Context) error {
	name, err := d.create(ctx, d.project, "flood", 1, 0, floodRate, d.Period+floodWarmUp+floodMargin)
	if err != nil {
		return err
	}
	defer d.remove(ctx, name)
	var f follower
	s, err := d.open(ctx, d.project, f.frame, "--focus", "logs", "--zoom")
	if err != nil {
		return err
	}
	defer s.Close()
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	if err := d.startContainer(ctx, name); err != nil {
		return err
	}
	if _, err := shows(ctx, s, "seq="); err != nil {
		return err
	}
	if err := pause(ctx, floodWarmUp); err != nil {
		return err
	}
	return d.watchFlood(ctx, s, &f)
}

// watchFlood records what the dashboard does for the period, while keys are pressed.
func (d *dashboard) watchFlood(ctx context.Context, s *screen.Screen, f *follower) error {
	f.begin()
	m, err := newMeter(s)
	if err != nil {
		return err
	}
	keys, err := pressKeys(ctx, s, time.Now().Add(d.Period))
	f.end(time.Now())
	if err != nil {
		return err
	}
	if len(f.behind) == 0 || len(keys) == 0 {
		return errors.New("following the flood: the screen showed none of its lines")
	}
	r, err := m.read()
	if err != nil {
		return err
	}
	d.record(rowRate, f.rate())
	d.record(rowLag, report.Median(f.behind))
	d.record(rowLagP99, report.Quantile(f.behind, 0.99))
	d.record(rowLagWorst, f.worst)
	d.record(rowKey, report.Median(keys))
	d.record(rowKeyP99, report.Quantile(keys, 0.99))
	d.record(rowFloodRSS, r.peak)
	d.record(rowFloodCPU, r.cpu)
	d.record(rowFloodFrames, r.frames)
	d.record(rowFloodEngine, r.engine)
	d.note("the benchmark's own processor time during the flood", report.Percent.Format(r.self))
	d.note("keys pressed during the flood", strconv.Itoa(len(keys)))
	d.note("lines not shown during the flood, in the screen's own words", cmp.Or(f.notShown, "none"))
	return nil
}

// pressKeys presses a key at random times, about two a second, and leaves the screen as it was. It returns how long each took, in
// ms, until its effect was on the screen.
func pressKeys(ctx context.Context, s *screen.Screen, end time.Time) ([]float64, error) {
	var took []float64
	for n := 0; time.Now().Before(end) || n%2 == 1; n++ {
		if err := pause(ctx, time.Duration(200+rand.IntN(500))*time.Millisecond); err != nil {
			return took, err
		}
		was := strings.Contains(s.Text(), wrapWord)
		sent, err := s.Send(wrapKey)
		if err != nil {
			return took, err
		}
		limited, cancel := context.WithTimeout(ctx, keyLimit)
		shown, err := s.Wait(limited, "the effect of key "+wrapKey, func(text string) bool { return strings.Contains(text, wrapWord) != was })
		cancel()
		if err != nil {
			return took, err
		}
		took = append(took, report.Milli(shown.Sub(sent)))
	}
	return took, nil
}
