package images

import (
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"stackctl.dev/stackctl/internal/stack"
)

// PullAsked is the Pull option of `stackctl pull`: images without a pull policy are pulled, and those with one are pulled if the policy
// allows it, even if it says that they are recent enough.
const PullAsked = "asked"

// task is what to do for an image; if several services share the image, the greatest one counts.
type task int

const (
	taskRefuse task = iota // fail if it is missing
	taskGet                // get it if it is missing
	taskRenew              // get it again
)

// taskOf returns the task for a service's pull policy and the flag, which wins.
func taskOf(svc types.ServiceConfig, res Resolution, o Options) (task, error) {
	policy, age, err := svc.GetPullPolicy()
	if err != nil {
		return taskRefuse, err
	}
	built := res.Origin == OriginBuild || res.Origin == OriginSelf
	switch {
	case built && (o.Rebuild || policy == types.PullPolicyBuild):
		return taskRenew, nil
	case built:
		return taskGet, nil
	case o.Pull == types.PullPolicyNever:
		return taskRefuse, nil
	case o.Pull == types.PullPolicyAlways, policy == types.PullPolicyAlways:
		return taskRenew, nil
	case policy == types.PullPolicyNever, policy == types.PullPolicyBuild:
		return taskRefuse, nil
	case policy == types.PullPolicyRefresh && (o.Pull == PullAsked || !time.Now().Before(res.tagged.Add(age))):
		return taskRenew, nil
	case o.Pull == PullAsked && (svc.PullPolicy == "" || isLatest(res.Wanted)):
		return taskRenew, nil
	}
	return taskGet, nil
}

// isLatest reports whether the image is expected to change: its tag is latest, or it has none.
func isLatest(ref string) bool {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return false
	}
	tagged, ok := named.(reference.Tagged)
	return ok && tagged.Tag() == "latest"
}

// builder returns the service that says how svc's image is built: svc itself, or another service that builds the image svc names.
func builder(s *stack.Stack, svc types.ServiceConfig) types.ServiceConfig {
	if svc.Build != nil || svc.Image == "" {
		return svc
	}
	names := s.Project.ServiceNames()
	i := slices.IndexFunc(names, func(name string) bool {
		other := s.Project.Services[name]
		return other.Build != nil && Wanted(s, other) == svc.Image
	})
	if i < 0 {
		return svc
	}
	return s.Project.Services[names[i]]
}
