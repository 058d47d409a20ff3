package dash

import (
	"context"
	"fmt"
	"time"

	"stackctl.dev/stackctl/bench/dash/screen"
	"stackctl.dev/stackctl/bench/report"
)

// many is the number of containers in a crowded project.
const many = 50

// measureStarts measures the first frames.
func (d *dashboard) measureStarts(ctx context.Context) error {
	version := d.Program(d.Binary).Timing("version")
	for range d.Rig.Runs {
		if err := d.firstFrame(ctx, rowFirst, d.project, "nginx-1", "redis-1", "web-1"); err != nil {
			return err
		}
		if err := d.firstBanner(ctx); err != nil {
			return fmt.Errorf("without an engine: %w", err)
		}
		took, err := version(ctx)
		if err != nil {
			return err
		}
		d.record(rowVersion, report.Milli(took))
	}
	return nil
}

// firstFrame measures the time until a project's containers are on the screen.
func (d *dashboard) firstFrame(ctx context.Context, row, project string, names ...string) error {
	s, err := d.open(ctx, project, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	ms, err := shows(ctx, s, names...)
	if err != nil {
		return err
	}
	d.record(row, ms)
	return nil
}

// firstBanner measures the time until the dashboard says that there is no engine: the connection is refused at once.
func (d *dashboard) firstBanner(ctx context.Context) error {
	p := d.Program(d.Binary, "--project-name", d.project, "dash")
	p.Env = append(p.Env, "DOCKER_HOST=tcp://127.0.0.1:1")
	s, err := d.start(ctx, p, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	ms, err := shows(ctx, s, "engine lost")
	if err != nil {
		return err
	}
	d.record(rowLost, ms)
	return nil
}

// measureIdle watches the dashboard do nothing.
func (d *dashboard) measureIdle(ctx context.Context) error {
	s, err := d.open(ctx, d.project, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	i, err := watchIdle(ctx, s, d.Period)
	if err != nil {
		return err
	}
	d.record(rowIdleCPU, i.cpu)
	d.record(rowIdleRSS, i.rss)
	d.record(rowIdleMore, i.growth)
	d.record(rowIdleBytes, i.bytes*60)
	d.record(rowIdleFrames, i.frames*60)
	d.record(rowIdleEngine, i.engine)
	if !d.Growth {
		return nil
	}
	long, err := watchIdle(ctx, s, 10*time.Minute)
	if err != nil {
		return err
	}
	d.record(rowGrowth, long.growth)
	return nil
}

// measureMany measures a project of many containers.
func (d *dashboard) measureMany(ctx context.Context) error {
	project := d.Project("many")
	defer func() { _ = d.Purge(context.WithoutCancel(ctx), project) }() // it would disturb what comes after
	if err := d.startMany(ctx, project, "sleep", many); err != nil {
		return err
	}
	for range d.Rig.Runs {
		if err := d.firstFrame(ctx, rowManyFirst, project, "sleep-1", "sleep-2"); err != nil {
			return err
		}
	}
	s, err := d.open(ctx, project, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	i, err := watchIdle(ctx, s, d.Period)
	if err != nil {
		return err
	}
	d.record(rowManyCPU, i.cpu)
	d.record(rowManyRSS, i.rss)
	return nil
}

// watchIdle lets a program come to rest and watches it for a while.
func watchIdle(ctx context.Context, s *screen.Screen, period time.Duration) (usage, error) {
	if err := pause(ctx, idleAfter); err != nil {
		return usage{}, err
	}
	m, err := newMeter(s)
	if err != nil {
		return usage{}, err
	}
	if err := pause(ctx, period); err != nil {
		return usage{}, err
	}
	return m.read()
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
