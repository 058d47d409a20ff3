package orchestrate

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"stackctl.dev/stackctl/internal/stack"
)

// Prepare observes the project and plans the way to the desired state. It cannot change anything.
func Prepare(ctx context.Context, r Reader, s *stack.Stack, images map[string]Image, options PlanOptions) (*Plan, *Observed, error) {
	observed, err := ObserveStops(ctx, r, s.Project.Name)
	if err != nil {
		return nil, nil, err
	}
	if err := Within(ctx, func(ctx context.Context) error { return observed.StatFiles(ctx, r, s) }); err != nil {
		return nil, nil, err
	}
	plan, err := PlanUp(s, observed, images, options)
	return plan, observed, err
}

// maxAttempts is how often Up and Down look and plan again when the engine's objects changed under their hands.
const maxAttempts = 3

// Up makes the desired state so, waits until it is, unless wait is nil, and returns what it carried out. It begins again
// when something else changed the engine's objects meanwhile.
func Up(ctx context.Context, w Writer, s *stack.Stack, images map[string]Image, options PlanOptions, wait *Waiting, sink Sink) (*Plan, error) {
	u := upward{w: w, stack: s, images: images, options: options, wait: wait, sink: sink, plan: &Plan{}}
	for attempt := 1; ; attempt++ {
		err := u.attempt(ctx)
		if err == nil || ctx.Err() != nil || attempt == maxAttempts || !isRace(err) {
			return u.plan, u.end(ctx, err)
		}
		sink.send(Event{Kind: EventWarning, Object: s.Project.Name, Detail: err.Error() + "; looking again"})
		if m := stuckTask.FindStringSubmatch(err.Error()); m != nil {
			u.options.stuck = append(u.options.stuck, m[1])
		}
		rest(ctx, attempt)
	}
}

// upward is an Up under way.
type upward struct {
	w       Writer
	stack   *stack.Stack
	images  map[string]Image
	options PlanOptions
	wait    *Waiting
	sink    Sink

	plan     *Plan  // of all attempts
	begun    []bool // which steps of it were
	applied  bool   // the whole of the last attempt
	observed *Observed
}

func (u *upward) attempt(ctx context.Context) error {
	plan, observed, err := Prepare(ctx, u.w, u.stack, u.images, u.options)
	if err != nil {
		return err
	}
	u.observed = observed
	if err := u.stands(observed); err != nil {
		return err
	}
	if err := checkPorts(plan, observed); err != nil {
		u.plan.follow(plan, nil)
		u.begun = append(u.begun, make([]bool, len(plan.Ops))...)
		return err
	}
	begun, err := apply(ctx, u.w, plan, u.sink)
	u.plan.follow(plan, begun)
	u.begun, u.applied = append(u.begun, begun...), err == nil
	u.note(plan, begun)
	if u.options.Standing != nil && ctx.Err() == nil && !plan.Empty() {
		if now, looking := labelled(ctx, u.w, u.stack.Project.Name, LabelProject); looking == nil {
			err = cmp.Or(u.stands(now), err) // the cause of what failed, if anything did
		}
	}
	if err != nil || u.wait == nil {
		return err
	}
	wait := *u.wait
	wait.Sink = u.sink
	if u.options.Standing != nil {
		wait.relied = u.options.Standing.standing(u.stack)
	}
	if u.plan.Empty() {
		wait.Settle = 0
	}
	return AwaitReady(ctx, u.w, u.stack, wait)
}

// note keeps in mind what a further attempt is not to do again.
func (u *upward) note(plan *Plan, begun []bool) {
	if u.options.first == nil {
		u.options.first, u.options.ran = u.observed.ids(), map[string]bool{}
	}
	for i, op := range plan.Ops {
		if started, ok := op.Action.(startContainer); ok && begun[i] {
			u.options.ran[started.Name] = true
		}
	}
}

// stands fails where what the change was decided on was taken away.
func (u *upward) stands(now *Observed) error {
	if u.options.Standing == nil {
		return nil
	}
	return now.stillStand(u.options.Standing.standing(u.stack))
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
	if u.options.Standing != nil && isTakenAway(err) {
		now, looking := labelled(ctx, u.w, u.stack.Project.Name, LabelProject)
		if looking == nil && !slices.ContainsFunc(now.Containers, u.had) {
			return u.clear(ctx, err)
		}
	}
	if u.plan.undoable && !u.applied {
		return goBack(ctx, u.w, u.stack.Project.Name, u.plan, u.begun, err, u.sink)
	}
	return err
}

// had reports whether a container is one that the change was decided on, and that still runs, or that the change has stopped.
func (u *upward) had(c Container) bool {
	_, ours := u.stack.Project.Services[c.Service]
	if !ours || !slices.ContainsFunc(u.options.Standing.Containers, func(old Container) bool { return old.ID == c.ID }) {
		return false
	}
	for i, op := range u.plan.Ops {
		if stopped, ok := op.Action.(stopContainer); ok && u.begun[i] && stopped.ID == c.ID {
			return true
		}
	}
	return c.Running()
}

// stuckTask is the complaint of an engine that was restarted while it started a container: it never can again.
var stuckTask = regexp.MustCompile(`task ([0-9a-f]{64}): already exists`)
