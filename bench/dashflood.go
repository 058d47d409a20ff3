package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/bench/screen"
)

const (
	// floodSettle is how long the flood runs before it is measured, what the keys do is learnt meanwhile.
	floodSettle = 5 * time.Second
	// floodMargin is what the flood runs longer than both of its readers need.
	floodMargin = 60 * time.Second
	// streamPart is how long the engine's log stream is read for comparison, at most.
	streamPart = 20 * time.Second
	// sampling is how often memory is looked at during the flood.
	sampling = 500 * time.Millisecond
)

// measureFlood measures the dashboard while a container of its project prints as fast as it is told to.
func (d *dashboard) measureFlood(ctx context.Context) error {
	part := min(d.period, streamPart)
	name, err := d.create(ctx, d.project, "flood", 1, d.rate, int((d.period + part + floodSettle + floodMargin).Seconds()), 0)
	if err != nil {
		return err
	}
	defer func() { _ = d.removeContainer(context.WithoutCancel(ctx), name) }()
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
	if err := pause(ctx, floodSettle); err != nil {
		return err
	}
	key, err := learn(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.progress, " key %q shows %q,", key.on, key.word)
	if err := d.watchFlood(ctx, s, &f, key, name); err != nil {
		return err
	}
	s.Close()
	return d.readStream(ctx, name, part)
}

// watchFlood records what the dashboard does for the period, while keys are pressed.
func (d *dashboard) watchFlood(ctx context.Context, s *screen.Screen, f *follower, key toggle, name string) error {
	f.begin()
	wrote := s.Output()
	usage := newMeter(s.PID())
	engine, self, flood := newMeter(enginePID()), newMeter(os.Getpid()), newMeter(d.pid(ctx, name))
	machine, machineErr := screen.Machine()
	sampled, stop := context.WithCancel(ctx)
	peak := make(chan float64, 1)
	go func() { peak <- peakRSS(sampled, s.PID()) }()
	keys, err := key.pressUntil(ctx, s, time.Now().Add(d.period))
	stop()
	rss := <-peak
	now := time.Now()
	f.end(now)
	if err != nil {
		return err
	}
	if len(f.behind) == 0 || len(keys) == 0 {
		return errors.New("following the flood: the screen showed none of its lines")
	}
	d.record(dashRate, stackctlName, f.rate())
	d.record(dashLag, stackctlName, median(f.behind))
	d.record(dashLagP99, stackctlName, quantile(f.behind, 0.99))
	d.record(dashLagWorst, stackctlName, f.worst)
	d.record(dashKey, stackctlName, median(keys))
	d.record(dashKeyP99, stackctlName, quantile(keys, 0.99))
	d.record(dashFloodRSS, stackctlName, rss)
	cpu, _ := usage.percent()
	d.record(dashFloodCPU, stackctlName, cpu)
	d.record(dashFloodDraw, stackctlName, float64(s.Output().Frames-wrote.Frames)/now.Sub(usage.from.At).Seconds())
	theirs, seen := engine.percent()
	if seen {
		d.record(dashFloodEng, stackctlName, theirs)
	}
	own, _ := self.percent()
	writes, _ := flood.percent()
	d.note("the benchmark's own processor time during the flood", percent.format(own))
	d.note("the flood's", percent.format(writes))
	if after, err := screen.Machine(); err == nil && machineErr == nil && seen {
		others := screen.Percent(machine, after) - theirs - own - writes - cpu
		d.note("that of all other processes, the engine's helpers among them", percent.format(max(others, 0)))
	}
	d.note("keys pressed during the flood", strconv.Itoa(len(keys)))
	d.note("lines not shown during the flood, in the screen's own words", cmp.Or(f.notShown, "none"))
	return nil
}

// pid is a container's process, 0 where it is not on this machine.
func (d *dashboard) pid(ctx context.Context, name string) int {
	info, err := d.engine.ContainerInspect(ctx, name)
	if err != nil || info.State == nil {
		return 0
	}
	return info.State.Pid
}

// meter measures the processor time of a process from its making on.
type meter struct {
	pid  int
	from screen.Usage
	err  error
}

func newMeter(pid int) meter {
	u, err := screen.UsageOf(pid)
	return meter{pid, u, err}
}

// percent of one core, if the process is to be seen.
func (m meter) percent() (float64, bool) {
	now, err := screen.UsageOf(m.pid)
	if err != nil || m.err != nil {
		return 0, false
	}
	return screen.Percent(m.from, now), true
}

// peakRSS is the largest RSS of a process, in MB, until ctx ends.
func peakRSS(ctx context.Context, pid int) float64 {
	ticker := time.NewTicker(sampling)
	defer ticker.Stop()
	peak := 0.0
	for {
		if u, err := screen.UsageOf(pid); err == nil {
			peak = max(peak, float64(u.RSS)/1e6)
		}
		select {
		case <-ctx.Done():
			return peak
		case <-ticker.C:
		}
	}
}

// readStream reads the engine's log stream of the flood and shows nothing: how far it is behind is the engine's doing.
func (d *dashboard) readStream(ctx context.Context, name string, period time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, period)
	defer cancel()
	stream, err := d.engine.ContainerLogs(ctx, name, container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: true, Tail: "200"})
	if err != nil {
		return fmt.Errorf("reading the log of container %q: %w", name, err)
	}
	defer stream.Close()
	self, engine := newMeter(os.Getpid()), newMeter(enginePID())
	lag, first, last, err := follow(stream)
	if len(lag) == 0 {
		return fmt.Errorf("reading the log of container %q: no lines: %w", name, err)
	}
	d.record(dashRate, streamName, float64(last.seq-first.seq)/last.at.Sub(first.at).Seconds())
	d.record(dashLag, streamName, median(lag))
	d.record(dashLagP99, streamName, quantile(lag, 0.99))
	d.record(dashLagWorst, streamName, quantile(lag, 1))
	if cpu, ok := self.percent(); ok {
		d.record(dashFloodCPU, streamName, cpu)
	}
	if cpu, ok := engine.percent(); ok {
		d.record(dashFloodEng, streamName, cpu)
	}
	return nil
}

// follow reads a stream to its end, and returns for each piece how far its newest line was behind, in ms.
func follow(stream io.Reader) (lag []float64, first, last mark, err error) {
	buffer := make([]byte, 256<<10)
	for {
		n, err := stream.Read(buffer)
		piece := buffer[:n]
		if i := bytes.LastIndex(piece, []byte("seq=")); i >= 0 {
			if m, ok := newest(string(piece[i:])); ok {
				if first.seq == 0 {
					first = m
				}
				last = m
				lag = append(lag, milli(time.Since(m.at)))
			}
		}
		if err != nil {
			return lag, first, last, err
		}
	}
}
