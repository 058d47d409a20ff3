package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/docker/docker/api/types/container"
)

// oldFactor is how much longer the first line of a long log may take than that of a short one.
const oldFactor = 1.2

// measureOld compares the start on a long log with that on a short one.
func (d *dashboard) measureOld(ctx context.Context) error {
	for _, log := range []struct {
		key   string
		lines int
	}{{dashNew, 1}, {dashOld, oldLines}} {
		if err := d.measureLog(ctx, log.key, log.lines); err != nil {
			return err
		}
	}
	d.row(dashOld).bars = []bar{{limit: math.Ceil(oldFactor * median(d.row(dashNew).samples[stackctlName]))}}
	return nil
}

func (d *dashboard) measureLog(ctx context.Context, key string, lines int) error {
	name, err := d.create(ctx, d.project, "flood", 1, 0, 0, lines)
	if err != nil {
		return err
	}
	defer func() { _ = d.removeContainer(context.WithoutCancel(ctx), name) }()
	if err := d.startContainer(ctx, name); err != nil {
		return err
	}
	if err := d.written(ctx, name, lines); err != nil {
		return err
	}
	for range d.runs {
		s, err := d.open(ctx, d.project, nil, "--focus", "logs", "--zoom")
		if err != nil {
			return err
		}
		ms, err := shows(ctx, s, fmt.Sprintf("seq=%d ", lines))
		s.Close()
		if err != nil {
			return err
		}
		d.record(key, stackctlName, ms)
	}
	return nil
}

// written waits until a container's log has so many lines.
func (d *dashboard) written(ctx context.Context, name string, lines int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		stream, err := d.engine.ContainerLogs(ctx, name, container.LogsOptions{ShowStdout: true, Tail: "1"})
		if err != nil {
			return fmt.Errorf("reading the log of container %q: %w", name, err)
		}
		text, err := io.ReadAll(io.LimitReader(stream, 1<<16))
		stream.Close()
		if err != nil {
			return fmt.Errorf("reading the log of container %q: %w", name, err)
		}
		if m, ok := newest(string(text)); ok && m.seq >= int64(lines) {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for %d lines of container %q: %w", lines, name, err)
		}
	}
}

// measureMany measures a project of many containers.
func (d *dashboard) measureMany(ctx context.Context) error {
	if err := d.startMany(ctx, d.many, "sleep", dashMany); err != nil {
		return err
	}
	for range d.runs {
		if err := d.startOne(ctx, dashManyFirst, stackctlName, d.command(d.many), "sleep-1", "sleep-2"); err != nil {
			return err
		}
	}
	s, err := d.open(ctx, d.many, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := pause(ctx, dashSettle); err != nil {
		return err
	}
	i, err := watchIdle(ctx, s, d.period)
	if err != nil {
		return err
	}
	d.record(dashManyCPU, stackctlName, i.cpu)
	d.record(dashManyRSS, stackctlName, i.rss)
	return nil
}
