package images

import (
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"stackctl.dev/stackctl/internal/stack"
)

// PullAsked is the Pull option of `stackctl pull`: what has no policy of its own is pulled, and what has one is pulled where the
// policy allows it, whether its time has come or not.
const PullAsked = "asked"

// task is what is to be done for an image; a later one wins where several services share the image.
type task int

const (
	taskRefuse task = iota // have it, or fail
	taskGet                // get it if it is missing
	taskRenew              // get it again
)

// taskOf reads a service's pull policy, and the flag, which wins.
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

// isLatest reports whether the image is one that is expected to change: its tag is latest, or it has none.
func isLatest(ref string) bool {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return false
	}
	tagged, ok := named.(reference.Tagged)
	return ok && tagged.Tag() == "latest"
}

// builder is the service that says how an image is built: the service itself, or another one of the stack that builds the image
// which this one names.
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
