// Package doctor examines everything that a stack needs, and each hop of a running one, and says what to do about what
// is broken.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/go-units"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/stack"
)

// Verdict says how a check ended.
type Verdict string

// The verdicts; only Broken makes `stackctl doctor` fail.
const (
	OK     Verdict = "ok"
	Note   Verdict = "note"
	Broken Verdict = "broken"
)

// Check is one thing that was examined.
type Check struct {
	Name      string        `json:"name"`
	Verdict   Verdict       `json:"verdict"`
	Detail    string        `json:"detail"`
	Next      string        `json:"next,omitempty"` // what to do; set where Verdict is not OK
	Latency   time.Duration `json:"-"`
	LatencyMS float64       `json:"latency_ms,omitempty"`
}

// Examination is what Run needs to know.
type Examination struct {
	Stack  *stack.Stack
	Target engine.Target
	Images images.Options
}

// checkLimit bounds each single check.
const checkLimit = 5 * time.Second

// Run examines one thing after the other and reports each; it returns how many are broken.
func Run(ctx context.Context, x Examination, report func(Check)) (broken int, err error) {
	tell := func(c Check) {
		if c.Verdict == Broken {
			broken++
		}
		c.LatencyMS = float64(c.Latency.Microseconds()) / 1000
		report(c)
	}
	eng, err := engine.Connect(ctx, x.Target)
	if err != nil {
		if ctx.Err() != nil {
			return broken, ctx.Err()
		}
		tell(engineDown(err))
		return broken, nil
	}
	defer eng.Close()
	tell(limited(ctx, func(ctx context.Context) Check { return checkEngine(ctx, eng) }))
	observed, err := orchestrate.Observe(ctx, eng, x.Stack.Project.Name)
	if err != nil {
		return broken, err
	}
	for _, c := range checkImages(ctx, eng, x) {
		tell(c)
	}
	for _, c := range checkPorts(ctx, eng, x.Stack, observed) {
		tell(c)
	}
	tell(limited(ctx, func(ctx context.Context) Check { return checkDisk(ctx, eng) }))
	if len(observed.Containers) == 0 {
		tell(Check{Name: "stack", Verdict: Note, Detail: "it is not up", Next: "start it with `stackctl up`"})
		return broken, ctx.Err()
	}
	for _, c := range checkContainers(observed, x.Stack) {
		tell(c)
	}
	for _, hop := range hops(eng, x.Stack, observed) {
		tell(limited(ctx, hop))
	}
	return broken, ctx.Err()
}

func limited(ctx context.Context, check func(context.Context) Check) Check {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	return check(ctx)
}

func engineDown(err error) Check {
	var failure *engine.Error
	if errors.As(err, &failure) {
		return Check{Name: "engine", Verdict: Broken, Detail: fmt.Sprintf("%s: %v", failure.Address, failure.Err), Next: failure.Next}
	}
	return Check{Name: "engine", Verdict: Broken, Detail: err.Error(), Next: "choose another with --context or --host"}
}

func checkEngine(ctx context.Context, eng *engine.Engine) Check {
	begin := time.Now()
	version, err := eng.ServerVersion(ctx)
	if err != nil {
		return Check{Name: "engine", Verdict: Broken, Detail: err.Error(), Next: "look at the engine's own log (journalctl -u docker)"}
	}
	return Check{
		Name: "engine", Verdict: OK, Latency: time.Since(begin),
		Detail: fmt.Sprintf("version %s, API %s, %s/%s, context %s, at %s", version.Version, eng.API, version.Os, version.Arch, eng.Context, eng.Address),
	}
}

func checkImages(ctx context.Context, eng *engine.Engine, x Examination) []Check {
	found, err := images.Find(ctx, eng, x.Stack, x.Images)
	if err != nil {
		return []Check{{Name: "images", Verdict: Broken, Detail: err.Error(), Next: "look at the engine's own log"}}
	}
	var checks []Check
	for _, res := range found {
		name := "image of " + res.Service
		if res.ID != "" {
			checks = append(checks, Check{Name: name, Verdict: OK, Detail: fmt.Sprintf("%s (%s, %s)", res.Ref, res.Origin, units.HumanSize(float64(res.Size)))})
			continue
		}
		checks = append(checks, missingImage(name, x, res))
	}
	return checks
}

// missingImage says how an image will be got.
func missingImage(name string, x Examination, res images.Resolution) Check {
	if res.Origin != images.OriginRegistry {
		return Check{Name: name, Verdict: Note, Detail: res.Ref + " is not built yet", Next: "`stackctl up` builds it"}
	}
	err := images.HostPrograms(x.Stack.Project.Services[res.Service], x.Images)
	if err == nil {
		return Check{Name: name, Verdict: Note, Detail: res.Wanted + " is not present", Next: "`stackctl up` pulls it or, where no registry answers, makes it from this host's programs"}
	}
	return Check{Name: name, Verdict: Note, Detail: fmt.Sprintf("%s is not present, and cannot be made here: %v", res.Wanted, err), Next: "`stackctl up` pulls it; without a registry, run scripts/host-programs"}
}

func checkContainers(observed *orchestrate.Observed, s *stack.Stack) []Check {
	var checks []Check
	for _, c := range observed.Containers {
		check := Check{Name: "container " + c.Name, Verdict: OK, Detail: c.Status}
		if _, wanted := s.Project.Services[c.Service]; !wanted && !c.OneOff {
			check.Verdict, check.Next = Note, "its service is not in the Compose file; `stackctl up --remove-orphans` removes it"
		} else if !orchestrate.Done(s.Project.Services[c.Service], c) && (c.State != "running" || c.Health == "unhealthy") {
			check.Verdict, check.Next = Broken, "`stackctl logs "+c.Service+"` says why; `stackctl up` starts it"
		}
		checks = append(checks, check)
	}
	return checks
}
