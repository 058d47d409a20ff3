package screen

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ, 100 a second on every Linux that Go runs on (proc(5)).
const tick = 10 * time.Millisecond

// Usage is what a process has used so far, from /proc; sizes in bytes.
type Usage struct {
	At   time.Time
	CPU  time.Duration // user and system, all threads, of this process alone
	RSS  int64
	Peak int64 // the largest RSS so far
}

// UsageOf reads the usage of a process.
func UsageOf(pid int) (Usage, error) {
	u := Usage{At: time.Now()}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, fmt.Errorf("reading the usage of process %d: %w", pid, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("reading the usage of process %d: %w", pid, err)
	}
	if u.CPU, err = cpuTime(string(stat)); err != nil {
		return u, fmt.Errorf("reading the usage of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		number, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			u.RSS = number << 10
		case "VmHWM":
			u.Peak = number << 10
		}
	}
	return u, nil
}

// cpuTime is utime and stime of /proc/PID/stat. The program's name, which comes before them, may hold anything.
func cpuTime(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("parsing %q: too short", stat)
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parsing %q: %w", stat, err)
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}

// Percent is the processor time between two looks, in percent of one core.
func Percent(from, to Usage) float64 {
	return 100 * float64(to.CPU-from.CPU) / float64(to.At.Sub(from.At))
}
