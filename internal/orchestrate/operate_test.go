package orchestrate

import "testing"

func TestPlanOperation(t *testing.T) {
	for _, c := range []struct {
		state     string
		operation Operation
		want      string
	}{
		{"running", OperationStart, ""},
		{"exited", OperationStart, " 1 start container p-web-1: start\n"},
		{"paused", OperationStart, " 1 unpause container p-web-1: start\n"},
		{"running", OperationStop, " 1 stop container p-web-1: stop\n"},
		{"exited", OperationStop, ""},
		{"running", OperationRestart, " 1 stop container p-web-1: restart\n 2 start container p-web-1: restart (after 1)\n"},
		{"restarting", OperationRestart, " 1 stop container p-web-1: restart\n 2 start container p-web-1: restart (after 1)\n"},
		{"paused", OperationStop, " 1 stop container p-web-1: stop\n"},
		{"paused", OperationRestart, " 1 stop container p-web-1: restart\n 2 start container p-web-1: restart (after 1)\n"},
		{"exited", OperationRestart, " 1 start container p-web-1: restart\n"},
	} {
		o := &Observed{Project: "p", Containers: []Container{{ID: "1", Name: "p-web-1", Service: "web", State: c.state}}}
		plan, err := PlanOperation(o, "1", c.operation)
		if err != nil || plan.String() != c.want {
			t.Errorf("%s a container that is %s:\n%swant:\n%s%v", c.operation, c.state, plan, c.want, err)
		}
	}
	if _, err := PlanOperation(&Observed{Project: "p"}, "1", OperationStop); err == nil {
		t.Error("a container that is gone can be stopped")
	}
}
