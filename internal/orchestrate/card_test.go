package orchestrate

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// TestCardNamesTheCause puts the signs that containers leave into words.
func TestCardNamesTheCause(t *testing.T) {
	for _, test := range []struct {
		name  string
		state container.State
		logs  []string
		want  []string
	}{
		{"out of memory", container.State{Status: "exited", ExitCode: 137, OOMKilled: true}, nil, []string{"exit code 137, out of memory", "raise mem_limit"}},
		{"killed", container.State{Status: "exited", ExitCode: 137}, nil, []string{"SIGKILL"}},
		{"no such program", container.State{Status: "created", ExitCode: 127, Error: `exec: "nginx": executable file not found in $PATH`}, nil, []string{"engine: exec", "not in the image"}},
		{"not writable", container.State{Status: "restarting", ExitCode: 1}, []string{"Can't open the append-only file: Permission denied"}, []string{"owner of its volume", "last 1 log lines", "append-only"}},
		{"unhealthy", container.State{Status: "running", Health: &container.Health{Status: container.Unhealthy, Log: []*container.HealthcheckResult{{Output: "first"}, {Output: "connection refused\n"}}}}, nil, []string{"last healthcheck: connection refused", "its healthcheck fails"}},
		{"unknown", container.State{Status: "exited", ExitCode: 3}, []string{"bye"}, []string{"exit code 3", "its own program ended", "next: stackctl logs web"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			info := container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{State: &test.state, HostConfig: &container.HostConfig{}}}
			if isWell(info) {
				t.Error("it counts as well")
			}
			card := newCard(observe.Container{Name: "p-web-1", Service: "web"}, info, test.logs).String()
			for _, want := range test.want {
				if !strings.Contains(card, want) {
					t.Errorf("%q is not in\n%s", want, card)
				}
			}
		})
	}
}
