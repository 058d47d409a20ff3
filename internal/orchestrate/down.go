package orchestrate

import (
	"context"
	"fmt"
	"strings"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// Down removes the project and looks again whether another command has made something meanwhile. leave takes out of each look
// what is to stay, and names it; nil leaves nothing. It returns what it carried out.
func Down(ctx context.Context, w apply.Engine, project string, leave func(*observe.Observed) (orphans []string), options planner.DownOptions, sink report.Sink) (*steps.Plan, error) {
	all := &steps.Plan{}
	for attempt := 1; ; attempt++ {
		observed, err := observe.Project(ctx, w, project)
		if err != nil {
			return all, err
		}
		if leave != nil {
			for _, orphan := range leave(observed) {
				if attempt == 1 {
					sink.Send(report.Event{Kind: report.Warning, Object: orphan, Detail: "its service is not in the Compose file; --remove-orphans removes it"})
				}
			}
		}
		plan := planner.Down(observed, options)
		if plan.Empty() {
			return all, nil
		}
		if attempt > maxAttempts {
			last := plan.Ops[len(plan.Ops)-1].Action
			return all, fmt.Errorf("removing project %q: %s %q is still there, or there again: another command is making parts of it; stop that, and try again", project, strings.TrimPrefix(last.Verb(), "remove "), last.Object())
		}
		begun, err := apply.Attempt(ctx, w, plan, sink)
		all.Follow(plan, begun)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || attempt == maxAttempts || !isRace(err) {
			return all, err
		}
		sink.Send(report.Event{Kind: report.Warning, Object: project, Detail: err.Error() + "; looking again"})
		rest(ctx, attempt)
	}
}
