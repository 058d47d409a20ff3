package orchestrate

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/ready"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// Prepare observes the project and plans the way to the desired state. It cannot change anything.
func Prepare(ctx context.Context, r observe.Reader, s *stack.Stack, images map[string]planner.Image, options planner.Options) (*steps.Plan, *observe.Observed, error) {
	u := upward{stack: s, images: images, options: options}
	plan, err := u.prepare(ctx, r)
	return plan, u.observed, err
}

// prepare looks and plans.
func (u *upward) prepare(ctx context.Context, r observe.Reader) (*steps.Plan, error) {
	observed, err := observe.WithStops(ctx, r, u.stack.Project.Name)
	if err != nil {
		return nil, err
	}
	u.observed = observed
	if u.options.Adjust != nil {
		adjusted, err := u.options.Adjust(u.stack, observed)
		if err != nil {
			return nil, err
		}
		u.stack, u.options.Adjust = adjusted, nil
	}
	if u.options.Existing && u.standing == nil {
		u.standing = observed
	}
	if err := observed.StatFiles(ctx, r, u.stack); err != nil {
		return nil, err
	}
	plan, err := planner.Up(u.stack, observed, u.images, u.options)
	if err == nil && u.options.Approve != nil {
		err = u.options.Approve(plan, observed)
		u.options.Approve = nil
	}
	if err != nil || plan.Empty() || u.options.Secrets == nil {
		return plan, err
	}
	// The plan follows from the hashes, and its files have the passwords: reading these takes longer than a whole `up` of a stack that
	// is as it should be.
	if err := u.options.Secrets(ctx, u.stack); err != nil {
		return plan, err
	}
	u.options.Secrets = nil
	return planner.Up(u.stack, observed, u.images, u.options)
}

// maxAttempts is how often Up and Down look and plan again when the engine's objects changed under their hands.
const maxAttempts = 3

// Up makes the desired state so, waits until it is, unless wait is nil, and returns what it carried out. It begins again
// when something else changed the engine's objects meanwhile.
func Up(ctx context.Context, w apply.Engine, s *stack.Stack, images map[string]planner.Image, options planner.Options, wait *ready.Waiting, sink report.Sink) (*steps.Plan, error) {
	u := upward{w: w, stack: s, images: images, options: options, wait: wait, sink: sink, plan: &steps.Plan{}}
	for attempt := 1; ; attempt++ {
		err := u.attempt(ctx)
		if err == nil || ctx.Err() != nil || attempt == maxAttempts || !isRace(err) {
			return u.plan, u.end(ctx, err)
		}
		sink.Send(report.Event{Kind: report.Warning, Object: s.Project.Name, Detail: err.Error() + "; looking again"})
		if m := stuckTask.FindStringSubmatch(err.Error()); m != nil {
			u.options.Stuck = append(u.options.Stuck, m[1])
		}
		rest(ctx, attempt)
	}
}

// upward is an Up under way.
type upward struct {
	w       apply.Engine
	stack   *stack.Stack
	images  map[string]planner.Image
	options planner.Options
	wait    *ready.Waiting
	sink    report.Sink

	standing *observe.Observed // the first look, where what it saw has to stay
	plan     *steps.Plan       // of all attempts
	begun    []bool            // which steps of it were
	applied  bool              // the whole of the last attempt
	observed *observe.Observed
}

func (u *upward) attempt(ctx context.Context) error {
	plan, err := u.prepare(ctx, u.w)
	if err != nil {
		return err
	}
	if err := u.stands(u.observed); err != nil {
		return err
	}
	if err := planner.CheckPorts(plan, u.observed); err != nil {
		u.plan.Follow(plan, nil)
		u.begun = append(u.begun, make([]bool, len(plan.Ops))...)
		return err
	}
	begun, err := apply.Attempt(ctx, u.w, plan, u.sink)
	u.plan.Follow(plan, begun)
	u.begun, u.applied = append(u.begun, begun...), err == nil
	u.note(plan, begun)
	if u.standing != nil && ctx.Err() == nil && !plan.Empty() {
		if now, looking := observe.Labelled(ctx, u.w, u.stack.Project.Name, label.Project); looking == nil {
			err = cmp.Or(u.stands(now), err) // the cause of what failed, if anything did
		}
	}
	if err != nil || u.wait == nil {
		return err
	}
	wait := *u.wait
	wait.Sink = u.sink
	if u.standing != nil {
		wait.Relied = u.standing.Standing(u.stack)
	}
	if u.plan.Empty() {
		wait.Settle = 0
	}
	return ready.Await(ctx, u.w, u.stack, wait)
}

// note keeps in mind what a further attempt is not to do again.
func (u *upward) note(plan *steps.Plan, begun []bool) {
	if u.options.First == nil {
		u.options.First, u.options.Ran = u.observed.IDs(), map[string]bool{}
	}
	for i, op := range plan.Ops {
		if started, ok := op.Action.(steps.StartContainer); ok && begun[i] {
			u.options.Ran[started.Name] = true
		}
	}
}

// stands fails where what the change was decided on was taken away.
func (u *upward) stands(now *observe.Observed) error {
	if u.standing == nil {
		return nil
	}
	return now.StillStand(u.standing.Standing(u.stack))
}

// end puts a failure into words, and takes back what can be.
func (u *upward) end(ctx context.Context, err error) error {
	if err == nil || u.observed == nil {
		return err
	}
	err = explainStart(err, u.observed)
	if ctx.Err() != nil {
		return err // who interrupts wants to have no more done; the next run finds its way from here
	}
	if u.standing != nil && observe.IsTakenAway(err) {
		now, looking := observe.Labelled(ctx, u.w, u.stack.Project.Name, label.Project)
		if looking == nil && !slices.ContainsFunc(now.Containers, u.had) {
			return u.clear(ctx, err)
		}
	}
	if u.plan.Undoable && !u.applied {
		return goBack(ctx, u.w, u.stack.Project.Name, u.plan, u.begun, err, u.sink)
	}
	return err
}

// had reports whether a container is one that the change was decided on, and that still runs, or that the change has stopped.
func (u *upward) had(c observe.Container) bool {
	_, ours := u.stack.Project.Services[c.Service]
	if !ours || !slices.ContainsFunc(u.standing.Containers, func(old observe.Container) bool { return old.ID == c.ID }) {
		return false
	}
	for i, op := range u.plan.Ops {
		if stopped, ok := op.Action.(steps.StopContainer); ok && u.begun[i] && stopped.ID == c.ID {
			return true
		}
	}
	return c.Running()
}

// stuckTask is the complaint of an engine that was restarted while it started a container: it never can again.
var stuckTask = regexp.MustCompile(`task ([0-9a-f]{64}): already exists`)
