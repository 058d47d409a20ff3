package main

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"stackctl.dev/stackctl/bench/screen"
)

// noEngine is nowhere: the connection is refused at once.
const noEngine = "DOCKER_HOST=tcp://127.0.0.1:1"

// banner is what a dashboard may say when there is no engine.
var banner = regexp.MustCompile(`(?i)unreachable|engine lost|refused|cannot connect|cannot reach|not reachable|no engine`)

// measureStarts measures the first frames, all columns in turn in each run.
func (d *dashboard) measureStarts(ctx context.Context) error {
	version := program{command: []string{d.binary}, dir: d.dir, env: d.environment()}.timing("version")
	for range d.runs {
		if err := d.startOne(ctx, dashFirst, stackctlName, d.command(d.project), "nginx-1", "redis-1", "web-1"); err != nil {
			return err
		}
		if err := d.startOne(ctx, dashFirst, nothingName, []string{d.nothing}, "nothing to see"); err != nil {
			return err
		}
		for _, c := range d.contenders[3:] {
			if err := d.startOne(ctx, dashFirst, c.name, []string{c.name}, d.project); err != nil {
				return err
			}
		}
		if err := d.startLost(ctx); err != nil {
			return err
		}
		took, err := version(ctx)
		if err != nil {
			return err
		}
		d.record(dashVersion, stackctlName, milli(took))
	}
	return nil
}

// startOne measures the time until some texts are on the screen.
func (d *dashboard) startOne(ctx context.Context, key, column string, args []string, texts ...string) error {
	s, err := d.run(ctx, d.environment(), nil, args...)
	if err != nil {
		return err
	}
	defer s.Close()
	ms, err := shows(ctx, s, texts...)
	if err != nil {
		return err
	}
	d.record(key, column, ms)
	return nil
}

func (d *dashboard) startLost(ctx context.Context) error {
	s, err := d.run(ctx, append(d.environment(), noEngine), nil, d.command(d.project)...)
	if err != nil {
		return err
	}
	defer s.Close()
	limited, cancel := context.WithTimeout(ctx, firstLimit)
	defer cancel()
	at, err := s.Wait(limited, "the banner", banner.MatchString)
	if err != nil {
		return fmt.Errorf("without an engine: %w", err)
	}
	d.record(dashLost, stackctlName, milli(at.Sub(s.Began)))
	return nil
}

// measureIdle watches each column do nothing.
func (d *dashboard) measureIdle(ctx context.Context) error {
	columns := map[string][]string{
		stackctlName: d.command(d.project),
		nothingName:  {d.nothing},
	}
	for _, c := range d.contenders[3:] {
		columns[c.name] = []string{c.name}
	}
	for _, c := range d.contenders {
		args, ok := columns[c.name]
		if !ok {
			continue
		}
		s, err := d.run(ctx, d.environment(), nil, args...)
		if err != nil {
			return err
		}
		err = d.idle(ctx, s, c.name)
		s.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *dashboard) idle(ctx context.Context, s *screen.Screen, column string) error {
	if err := pause(ctx, dashSettle); err != nil {
		return err
	}
	i, err := watchIdle(ctx, s, d.period)
	if err != nil {
		return err
	}
	minutes := d.period.Minutes()
	d.record(dashIdleCPU, column, i.cpu)
	d.record(dashIdleRSS, column, i.rss)
	d.record(dashIdleMore, column, i.growth)
	d.record(dashIdleBytes, column, float64(i.output.Bytes)/minutes)
	d.record(dashIdleDraws, column, float64(i.output.Frames)/minutes)
	if i.engine >= 0 {
		d.record(dashIdleTheir, column, i.engine)
	}
	if !d.dashGrowth || column != stackctlName {
		return nil
	}
	long, err := watchIdle(ctx, s, 10*time.Minute)
	if err != nil {
		return err
	}
	d.record(dashGrowth, column, long.growth)
	return nil
}

// idling is what a program did while nothing happened.
type idling struct {
	cpu, engine float64 // percent of a core; the engine's is -1 where it is not to be seen
	rss, growth float64 // MB
	output      screen.Output
}

func watchIdle(ctx context.Context, s *screen.Screen, d time.Duration) (idling, error) {
	i := idling{engine: -1}
	wrote := s.Output()
	engine, engineErr := screen.UsageOf(enginePID())
	before, err := screen.UsageOf(s.PID())
	if err != nil {
		return i, err
	}
	if err := pause(ctx, d); err != nil {
		return i, err
	}
	after, err := screen.UsageOf(s.PID())
	if err != nil {
		return i, fmt.Errorf("the program has ended: %w", err)
	}
	now := s.Output()
	i.cpu, i.rss, i.growth = screen.Percent(before, after), float64(after.RSS)/1e6, float64(after.RSS-before.RSS)/1e6
	i.output = screen.Output{Bytes: now.Bytes - wrote.Bytes, Pieces: now.Pieces - wrote.Pieces, Frames: now.Frames - wrote.Frames}
	if later, err := screen.UsageOf(enginePID()); err == nil && engineErr == nil {
		i.engine = screen.Percent(engine, later)
	}
	return i, nil
}
