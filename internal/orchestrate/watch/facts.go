package watch

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
)

// facts is what only an inspection tells of a container.
type facts struct {
	state              string // in the engine's word: "running", "exited"
	restarts, exitCode int
	oomKilled          bool
	started, finished  time.Time
	command            string
	memoryLimit        uint64 // bytes; 0 = none
	oneTime            bool   // no policy restarts it after success
	failed             bool   // the engine could not start it
}

func newFacts(info container.InspectResponse) facts {
	var f facts
	if info.ContainerJSONBase == nil {
		return f
	}
	f.restarts, f.command = info.RestartCount, info.Path
	if s := info.State; s != nil {
		f.state = string(s.Status)
		f.exitCode, f.oomKilled, f.failed = s.ExitCode, s.OOMKilled, s.Error != ""
		f.started, f.finished = engineTime(s.StartedAt), engineTime(s.FinishedAt)
	}
	if h := info.HostConfig; h != nil {
		f.memoryLimit = uint64(max(0, h.Memory))
		f.oneTime = h.RestartPolicy.IsNone() || h.RestartPolicy.IsOnFailure()
	}
	return f
}

func (f facts) fill(c *Container) {
	c.Restarts, c.OOMKilled, c.StartedAt, c.FinishedAt, c.Command = f.restarts, f.oomKilled, f.started, f.finished, f.command
	c.oneTime, c.failed = f.oneTime, f.failed
	// The list says the exit code of one that has ended, and is never older than the inspection that it causes.
	if c.State != "exited" && c.State != "dead" {
		c.ExitCode = f.exitCode
	}
}

// engineTime parses the engine's time; it writes the year 1 for "never".
func engineTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

var exited = regexp.MustCompile(`^(?:Exited|Restarting) \((\d+)\)`)

// exitCodeOf finds the exit code in a status such as "Exited (137) 2 seconds ago", so that it need not be waited for.
func exitCodeOf(status string) int {
	m := exited.FindStringSubmatch(status)
	if m == nil {
		return 0
	}
	code, _ := strconv.Atoi(m[1]) // digits, and a number that is too large is no exit code
	return code
}

// inspect asks for the facts of a container, beside the loop.
func (s *session) inspect(ctx context.Context, id string) {
	if s.inspecting[id] {
		return // what is stale meanwhile is asked for again when this one is done
	}
	s.inspecting[id] = true
	delete(s.stale, id)
	s.start(func() {
		var info container.InspectResponse
		err := s.limited(ctx, s.inspectSlots, func(ctx context.Context) (err error) {
			info, err = s.src.ContainerInspect(ctx, id)
			return err
		})
		s.post(ctx, func() {
			delete(s.inspecting, id)
			if err == nil {
				s.learn(id, newFacts(info))
			}
			if s.stale[id] && s.listed(id) {
				s.inspect(ctx, id)
			}
		})
	})
}

func (s *session) learn(id string, f facts) {
	// Engine 20.10 tells that a container died before its list says so: an inspection waits for that, a list does not.
	if i := s.index(id); i >= 0 && s.r.list[i].State != f.state {
		s.soon()
	}
	old, ok := s.r.facts[id]
	if !s.listed(id) || ok && old == f {
		return
	}
	if ok && !old.started.Equal(f.started) { // another run: its counters began again
		delete(s.samples, id)
		delete(s.r.usage, id)
	}
	s.r.facts[id] = f
	s.dirty()
}
