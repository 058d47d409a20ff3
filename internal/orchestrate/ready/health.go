package ready

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// What a container's health is, the engine says: it runs the healthcheck in the rhythm that its file asks for, and a check may
// have effects (it consumes what it looks at, or counts as a failed login). Only a service that calls its check harmless
// has it run by stackctl too, at once and often, so that nothing waits for an interval of the engine.

// harmless is the value of label.Healthcheck, and of `x-stackctl: {healthcheck: ...}`.
const harmless = "harmless"

// The engine's own defaults of a healthcheck.
const (
	defaultCheckInterval = 30 * time.Second
	defaultCheckTimeout  = 30 * time.Second
	defaultCheckRetries  = 3
)

// healthcheckSlack is how much later than its settings say a busy engine may come to a verdict.
const healthcheckSlack = 30 * time.Second

// longestCheck stands for "no limit to speak of".
const longestCheck = 10 * 365 * 24 * time.Hour

// healthcheckLimit is how long after its start a container may take until the engine calls it healthy or unhealthy: a check that
// begins within the start period does not count, and after that `retries` of them have to fail one after the other. It is 0
// without a healthcheck.
func healthcheckLimit(info container.InspectResponse) time.Duration {
	if healthcheckCommand(info) == nil {
		return 0
	}
	check := info.Config.Healthcheck
	round := max(cmp.Or(check.Interval, defaultCheckInterval), check.StartInterval) + cmp.Or(check.Timeout, defaultCheckTimeout)
	rounds := float64(cmp.Or(check.Retries, defaultCheckRetries)+1) * float64(round) // which need not fit into a Duration
	return time.Duration(min(float64(check.StartPeriod+healthcheckSlack)+rounds, float64(longestCheck)))
}

// healthcheckCommand is what the engine would run; nil without a healthcheck.
func healthcheckCommand(info container.InspectResponse) []string {
	if info.Config == nil || info.Config.Healthcheck == nil || len(info.Config.Healthcheck.Test) < 2 {
		return nil
	}
	test := info.Config.Healthcheck.Test
	if test[0] == "CMD-SHELL" {
		shell := []string(info.Config.Shell)
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(slices.Clone(shell), test[1])
	}
	return test[1:]
}

// prober runs the healthcheck of one container, where that is harmless.
type prober struct {
	hung bool   // a check that outlasts its own timeout is left to the engine, which ends it
	said string // by the last check that failed, to be added to an error
}

// runner runs a command in a container.
type runner interface {
	RunCommand(ctx context.Context, id string, command []string) (output string, exitCode int, err error)
}

// passes reports whether the healthcheck succeeds now.
func (p *prober) passes(ctx context.Context, r runner, info container.InspectResponse) bool {
	p.hear(info)
	command := healthcheckCommand(info)
	if p.hung || command == nil || info.Config.Labels[label.Healthcheck] != harmless {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, cmp.Or(info.Config.Healthcheck.Timeout, defaultCheckTimeout))
	defer cancel()
	output, code, err := r.RunCommand(limited, info.ID, command)
	p.hung = limited.Err() != nil
	if err == nil && code == 0 {
		return true
	}
	if err == nil {
		err = fmt.Errorf("exit code %d %s", code, strings.TrimSpace(output))
	}
	if !observe.NotRunning(err) { // what did not work now may work when the program is up
		p.said = "; its healthcheck said: " + err.Error()
	}
	return false
}

// hear keeps what the engine's own healthchecks said.
func (p *prober) hear(info container.InspectResponse) {
	if info.State == nil || info.State.Health == nil {
		return
	}
	for _, result := range info.State.Health.Log {
		if result != nil && result.ExitCode != 0 {
			p.said = fmt.Sprintf("; its healthcheck said: exit code %d %s", result.ExitCode, strings.TrimSpace(result.Output))
		}
	}
}
