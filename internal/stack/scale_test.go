package stack

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func TestScale(t *testing.T) {
	publishing := func(port string) (svc types.ServiceConfig) {
		svc.Ports = []types.ServicePortConfig{{Target: 80, Published: port}}
		return svc
	}
	s := &Stack{
		Project:   &types.Project{Services: types.Services{"web": {}, "redis": {}, "nginx": publishing("8080"), "range": publishing("8080-8090")}},
		Extension: Extension{Store: &Store{Service: "redis"}},
	}
	for _, c := range []struct {
		service  string
		replicas int
		err      string
	}{
		{"web", 5, ""}, {"web", 0, ""}, {"range", 3, ""}, {"nginx", 1, ""}, {"redis", 0, ""},
		{"nginx", 2, "publishes port 8080"}, {"redis", 2, "holds the data"}, {"web", -1, "use 0 or more"}, {"none", 1, "has no such service; it has"},
	} {
		err := s.Scale(c.service, c.replicas)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s=%d: %v, want %q", c.service, c.replicas, err, c.err)
		}
		if err == nil && Replicas(s.Project.Services[c.service]) != c.replicas {
			t.Errorf("%s has %d replicas, want %d", c.service, Replicas(s.Project.Services[c.service]), c.replicas)
		}
	}
}
