//go:build unix

package logs_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// flooded is what came of a flood.
type flooded struct {
	lines, twice, lost int
	cpu                time.Duration
	delays             []time.Duration
}

// followFlood follows a container that prints as fast as it is told to, with a receiver that pauses after every 256 lines, until its last line.
func followFlood(r *realEngine, log container.LogConfig, o logs.Options, rate int, period, pause time.Duration) flooded {
	r.t.Helper()
	follower := r.Follow()
	defer follower.Close()
	seen := make([]bool, rate*int(period.Seconds()+2))
	var f flooded
	end := errors.New("the flood has ended")
	before := processorTime()
	r.runLogged(log, "flood", 1, false, "flood", strconv.Itoa(rate), period.String())
	ctx, cancel := context.WithTimeout(r.ctx, period+30*time.Second)
	defer cancel()
	o.Project, o.Follow, o.Tail = r.project, true, -1
	printed := 0
	err := logs.Stream(ctx, follower, o, func(l logs.Line) error {
		number, rest, _ := strings.Cut(string(l.Text), " ")
		if number == "end" {
			printed, _ = strconv.Atoi(rest)
			return end
		}
		seq, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		at, _, _ := strings.Cut(rest, " ")
		nanos, _ := strconv.ParseInt(at, 10, 64)
		f.delays = append(f.delays, time.Since(time.Unix(0, nanos)))
		f.lines++
		if seen[seq] {
			f.twice++
		}
		seen[seq] = true
		if pause > 0 && f.lines%256 == 0 {
			<-time.After(pause)
		}
		return nil
	})
	if !errors.Is(err, end) {
		r.t.Errorf("following a flood: %v after %d lines", err, f.lines)
	}
	f.cpu = processorTime() - before
	f.lost = printed - (f.lines - f.twice)
	slices.Sort(f.delays)
	r.t.Logf("%d of %d lines, %d twice, %d lost; %v of the processor a line; behind %v, p99 %v", f.lines, printed, f.twice, f.lost,
		f.cpu/time.Duration(max(f.lines, 1)), f.delays[len(f.delays)/2], f.delays[len(f.delays)*99/100])
	return f
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const floodRate = 50_000 // lines a second

var (
	oneFile = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1g"}}
	rotated = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}} // as in assets/compose.yaml
)

// No line of a flood is lost, and none comes twice.
func TestEngineFlood(t *testing.T) {
	r := connectEngine(t)
	if f := followFlood(r, oneFile, logs.Options{}, floodRate, 5*time.Second, 0); f.twice > 0 || f.lost > 0 {
		t.Errorf("%d lines came twice, %d were lost", f.twice, f.lost)
	}
}

// Where a log rotates under a reader that is slower than its writer, the engine removes lines before they are read, and Docker 20.10 sends
// whole files twice and ends the log before its last line. Only what is removed may be missing.
func TestEngineFloodRotates(t *testing.T) {
	r := connectEngine(t)
	if f := followFlood(r, rotated, logs.Options{}, floodRate, 6*time.Second, 12*time.Millisecond); f.twice > floodRate/10 {
		t.Errorf("%d lines came twice", f.twice)
	}
}
