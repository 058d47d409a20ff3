package dash

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/bench/dash/screen"
)

// meter measures what a program in a terminal, the benchmark and the engine use since the meter was created.
type meter struct {
	screen            *screen.Screen
	wrote             screen.Output
	own, self, engine screen.Usage
}

// usage returns what they have used since then.
type usage struct {
	cpu, self, engine float64 // percent of a core; the engine's is NaN where it is not on this machine
	rss, growth, peak float64 // MB
	bytes, frames     float64 // a second
}

func newMeter(s *screen.Screen) (meter, error) {
	m := meter{screen: s, wrote: s.Output()}
	var err error
	if m.own, err = screen.UsageOf(s.PID()); err != nil {
		return m, err
	}
	m.engine, _ = engineUsage()
	m.self, err = screen.UsageOf(os.Getpid())
	return m, err
}

func (m meter) read() (r usage, err error) {
	own, err := screen.UsageOf(m.screen.PID())
	if err != nil {
		return r, fmt.Errorf("the program has ended: %w", err)
	}
	self, err := screen.UsageOf(os.Getpid())
	if err != nil {
		return r, err
	}
	r.cpu, r.self, r.engine = screen.Percent(m.own, own), screen.Percent(m.self, self), math.NaN()
	if engine, err := engineUsage(); err == nil {
		r.engine = screen.Percent(m.engine, engine)
	}
	r.rss, r.growth, r.peak = float64(own.RSS)/1e6, float64(own.RSS-m.own.RSS)/1e6, float64(own.Peak)/1e6
	wrote, seconds := m.screen.Output(), own.At.Sub(m.own.At).Seconds()
	r.bytes, r.frames = float64(wrote.Bytes-m.wrote.Bytes)/seconds, float64(wrote.Frames-m.wrote.Frames)/seconds
	return r, nil
}

// engineUsage is that of the engine's process. Where that is not on this machine, it is asked about 0, which no process has.
func engineUsage() (screen.Usage, error) {
	data, _ := os.ReadFile("/var/run/docker.pid")
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return screen.UsageOf(pid)
}
