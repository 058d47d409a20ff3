package orchestrate

import (
	"context"
	"regexp"
	"strings"

	"github.com/containerd/errdefs"

	"stackctl.dev/stackctl/internal/stack"
)

// Prepare observes the project and plans the way to the desired state. It cannot change anything.
func Prepare(ctx context.Context, r Reader, s *stack.Stack, images map[string]Image, options PlanOptions) (*Plan, *Observed, error) {
	observed, err := Observe(ctx, r, s.Project.Name)
	if err != nil {
		return nil, nil, err
	}
	if err := Within(ctx, func(ctx context.Context) error { return observed.StatFiles(ctx, r, s) }); err != nil {
		return nil, nil, err
	}
	plan, err := PlanUp(s, observed, images, options)
	return plan, observed, err
}

// maxAttempts is how often Up plans again when the engine's objects changed under its hands.
const maxAttempts = 3

// Up makes the desired state so, and returns the plan that it carried out.
func Up(ctx context.Context, w Writer, s *stack.Stack, images map[string]Image, options PlanOptions, sink Sink) (*Plan, error) {
	for attempt := 1; ; attempt++ {
		plan, observed, err := Prepare(ctx, w, s, images, options)
		if err != nil {
			return nil, err
		}
		if err := checkPorts(plan, observed); err != nil {
			return plan, err
		}
		begun, err := apply(ctx, w, plan, sink)
		if err == nil || attempt == maxAttempts || !isRace(err) {
			err = explainStart(err, observed)
			if err != nil && plan.undoable {
				err = goBack(ctx, w, s.Project.Name, plan, begun, err, sink)
			}
			return plan, err
		}
		options.ForceRecreate = false // what was recreated in the first attempt is new
		if m := stuckTask.FindStringSubmatch(err.Error()); m != nil {
			options.stuck = append(options.stuck, m[1])
		}
	}
}

// stuckTask is the complaint of an engine that was restarted while it started a container: it never can again.
var stuckTask = regexp.MustCompile(`task ([0-9a-f]{64}): already exists`)

// isRace reports whether a plan failed because something else changed the engine meanwhile, so that another look helps:
// a subnet that another project took, a name that just appeared, an object that is gone.
func isRace(err error) bool {
	text := err.Error()
	return strings.Contains(text, "Pool overlaps") || strings.Contains(text, "is already in use by container") ||
		strings.Contains(text, "network with name") || strings.Contains(text, "is not paused") || stuckTask.MatchString(text) || errdefs.IsNotFound(err)
}
