package orchestrate

import (
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// What the dashboard does to one container, in every state.
func TestActsOnOneContainer(t *testing.T) {
	acts := map[string]func(*observe.Observed, planner.Choice) (*steps.Plan, error){"start": planner.Start, "stop": planner.Stop, "restart": planner.Restart, "kill": planner.Kill}
	for _, c := range []struct{ state, act, want string }{
		{"running", "start", ""},
		{"exited", "start", " 1 start container p-web-1: start\n"},
		{"paused", "start", " 1 unpause container p-web-1: start\n"},
		{"running", "stop", " 1 stop container p-web-1: stop\n"},
		{"exited", "stop", ""},
		{"running", "restart", " 1 stop container p-web-1: restart\n 2 start container p-web-1: restart (after 1)\n"},
		{"restarting", "restart", " 1 stop container p-web-1: restart\n 2 start container p-web-1: restart (after 1)\n"},
		{"paused", "stop", " 1 stop container p-web-1: stop\n"},
		{"paused", "restart", " 1 stop container p-web-1: restart\n 2 start container p-web-1: restart (after 1)\n"},
		{"exited", "restart", " 1 start container p-web-1: restart\n"},
		{"running", "kill", " 1 kill container p-web-1: kill\n"},
	} {
		o := &observe.Observed{Project: "p", Containers: []observe.Container{{ID: "1", Name: "p-web-1", Service: "web", State: c.state}, {ID: "2", Name: "p-web-2", Service: "web", State: c.state}}}
		plan, err := acts[c.act](o, planner.Choice{ID: "1"})
		if err != nil || plan.String() != c.want {
			t.Errorf("%s a container that is %s:\n%swant:\n%s%v", c.act, c.state, plan, c.want, err)
		}
	}
	if _, err := planner.Stop(&observe.Observed{Project: "p"}, planner.Choice{ID: "1"}); err == nil {
		t.Error("a container that is gone can be stopped")
	}
}
