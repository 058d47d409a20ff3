package dash

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/bench/report"
)

// oldLines is how much there was before the dashboard came.
const oldLines = 500_000

// oldFactor is how much longer the first line of a long log may take than that of a short one.
const oldFactor = 1.2

// measureOld compares the start on a long log with that on a short one.
func (d *dashboard) measureOld(ctx context.Context) error {
	if err := d.measureLog(ctx, rowNew, 1); err != nil {
		return err
	}
	d.SetBar(rowOld, report.AtMost(math.Ceil(oldFactor*d.Median(rowNew))))
	return d.measureLog(ctx, rowOld, oldLines)
}

func (d *dashboard) measureLog(ctx context.Context, row string, lines int) error {
	name, err := d.create(ctx, d.project, "flood", 1, lines, 0, 0)
	if err != nil {
		return err
	}
	defer d.remove(ctx, name)
	if err := d.startContainer(ctx, name); err != nil {
		return err
	}
	if err := d.written(ctx, name, lines); err != nil {
		return err
	}
	for range d.Rig.Runs {
		s, err := d.open(ctx, d.project, nil, "--focus", "logs", "--zoom")
		if err != nil {
			return err
		}
		ms, err := shows(ctx, s, fmt.Sprintf("seq=%d ", lines))
		s.Close()
		if err != nil {
			return err
		}
		d.record(row, ms)
	}
	return nil
}

// written waits until a container's log has so many lines.
func (d *dashboard) written(ctx context.Context, name string, lines int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		stream, err := d.Engine.ContainerLogs(ctx, name, container.LogsOptions{ShowStdout: true, Tail: "1"})
		if err != nil {
			return fmt.Errorf("reading the log of container %q: %w", name, err)
		}
		text, _ := io.ReadAll(io.LimitReader(stream, 1<<16)) // it is read again
		stream.Close()
		if m, ok := newest(string(text)); ok && m.seq >= int64(lines) {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for %d lines of container %q: %w", lines, name, err)
		}
	}
}
