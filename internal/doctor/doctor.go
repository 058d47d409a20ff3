// Package doctor checks everything that a stack needs, and each hop of a running one, and says how to fix what is broken.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker/go-units"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
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

// Check is the result of one check.
type Check struct {
	Name      string        `json:"name"`
	Verdict   Verdict       `json:"verdict"`
	Detail    string        `json:"detail"`
	Next      string        `json:"next,omitempty"` // what to do, unless Verdict is OK
	Latency   time.Duration `json:"-"`
	LatencyMS float64       `json:"latency_ms,omitempty"`
}

// Examination says what Run checks.
type Examination struct {
	Stack  *stack.Stack
	Target engine.Target
	Images images.Options
}

// checkLimit bounds each check.
const checkLimit = 5 * time.Second

// Run runs one check after the other and reports each; it returns how many things are broken.
func Run(ctx context.Context, x Examination, report func(Check)) (broken int, err error) {
	add := func(checks ...Check) {
		if ctx.Err() != nil {
			return // a canceled check says nothing
		}
		for _, c := range checks {
			if c.Verdict == Broken {
				broken++
			}
			c.LatencyMS = float64(c.Latency.Microseconds()) / 1000
			report(c)
		}
	}
	eng, err := engine.Connect(ctx, x.Target)
	if err != nil {
		if ctx.Err() != nil {
			return broken, ctx.Err()
		}
		add(engineDown(err))
		return broken, nil
	}
	defer eng.Close()
	add(limited(ctx, checkLimit, func(ctx context.Context) []Check { return []Check{checkEngine(ctx, eng)} })...)
	add(limited(ctx, checkLimit, func(ctx context.Context) []Check { return checkImages(ctx, eng, x) })...)
	var observed *observe.Observed
	add(limited(ctx, checkLimit, func(ctx context.Context) []Check {
		if observed, err = observe.Project(ctx, eng, x.Stack.Project.Name); err != nil {
			return []Check{unanswered("containers", err)}
		}
		return checkPorts(ctx, eng, x.Stack, observed)
	})...)
	add(limited(ctx, checkLimit, func(ctx context.Context) []Check { return []Check{checkDisk(ctx, eng)} })...)
	if err != nil {
		return broken, ctx.Err()
	}
	if len(observed.Containers) == 0 {
		add(Check{Name: "stack", Verdict: Note, Detail: "it is not up", Next: "start it with `stackctl up`"})
		return broken, ctx.Err()
	}
	add(checkContainers(observed, x.Stack)...)
	for _, hop := range slices.Concat(hops(eng, x.Stack, observed), features(eng, x.Stack, observed)) {
		add(limited(ctx, checkLimit, func(ctx context.Context) []Check { return []Check{hop(ctx)} })...)
	}
	return broken, ctx.Err()
}

// limited runs checks within the limit, and says so if it ended them.
func limited(ctx context.Context, limit time.Duration, ask func(context.Context) []Check) []Check {
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	checks := ask(inner)
	for i := range checks {
		if checks[i].Verdict == Broken && inner.Err() != nil {
			checks[i].Detail = fmt.Sprintf("no answer within %s: %s", limit, checks[i].Detail)
		}
	}
	return checks
}

// unanswered returns the check of something about which the engine did not answer, or answered nonsense.
func unanswered(name string, err error) Check {
	if odd := (*engine.OddAnswerError)(nil); errors.As(err, &odd) {
		return Check{Name: name, Verdict: Broken, Detail: fmt.Sprintf("the answer to %q is odd: %s", odd.Call, odd.Odd), Next: "check the proxies between here and the engine, and the engine's own log"}
	}
	return Check{Name: name, Verdict: Broken, Detail: err.Error(), Next: "look at the engine's own log (journalctl -u docker)"}
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
		return unanswered("engine", err)
	}
	return Check{
		Name: "engine", Verdict: OK, Latency: time.Since(begin),
		Detail: fmt.Sprintf("version %s, API %s, %s/%s, context %s, at %s", version.Version, eng.API, version.Os, version.Arch, eng.Context, eng.Address),
	}
}

func checkImages(ctx context.Context, eng *engine.Engine, x Examination) []Check {
	found, err := images.Find(ctx, eng, x.Stack, x.Images)
	if err != nil {
		return []Check{unanswered("images", err)}
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

// missingImage returns the check of an image that is not present, which says how `up` will get it.
func missingImage(name string, x Examination, res images.Resolution) Check {
	if res.Origin != images.OriginRegistry {
		return Check{Name: name, Verdict: Note, Detail: res.Ref + " is not built yet", Next: "`stackctl up` builds it"}
	}
	if res.Optional {
		return Check{Name: name, Verdict: Note, Detail: res.Wanted + " is not present; the stack works without it", Next: "`stackctl up --pull always` tries to pull it"}
	}
	err := images.HostPrograms(x.Stack.Project.Services[res.Service], x.Images)
	if err == nil {
		return Check{Name: name, Verdict: Note, Detail: res.Wanted + " is not present", Next: "`stackctl up` pulls it or, if no registry can be reached, makes it from this host's programs"}
	}
	return Check{Name: name, Verdict: Note, Detail: fmt.Sprintf("%s is not present, and cannot be made here: %v", res.Wanted, err), Next: "`stackctl up` pulls it; without a registry, run scripts/host-programs"}
}

func checkContainers(observed *observe.Observed, s *stack.Stack) []Check {
	var checks []Check
	for _, c := range observed.Containers {
		check := Check{Name: "container " + c.Name, Verdict: OK, Detail: c.Status}
		svc, wanted := s.Project.Services[c.Service]
		switch {
		case c.OneOff: // not a replica: whoever ran it sees its state
		case !wanted:
			check.Verdict, check.Next = Note, "its service is not in the Compose file; `stackctl up --remove-orphans` removes it"
		case !observe.Done(svc, c) && (c.State != "running" || c.Health == "unhealthy"):
			check.Verdict, check.Next = Broken, "`stackctl logs "+c.Service+"` says why; `stackctl up` starts it"
		}
		checks = append(checks, check)
	}
	for _, name := range s.Project.ServiceNames() {
		svc := s.Project.Services[name]
		if stack.Replicas(svc) > 0 && observed.Replicas(name) == 0 && !stack.ServiceExtensionOf(svc).Optional {
			checks = append(checks, Check{Name: "service " + name, Verdict: Note, Detail: "it has no container", Next: "`stackctl up` creates one"})
		}
	}
	return checks
}
