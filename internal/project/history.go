package project

import (
	"context"
	"os"
	"os/user"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// History is the changes that were made to the project, and the revisions that its services can go back to.
type History struct {
	Entries   []kept.Entry // the oldest first
	Revisions []kept.Revision
}

// History reads the project's history from the engine.
func (p *Project) History(ctx context.Context) (History, error) {
	observed, err := kept.All(ctx, p.Engine, p.Name)
	if err != nil {
		return History{}, err
	}
	return History{Entries: kept.History(observed), Revisions: kept.Revisions(observed, "")}, nil
}

// rememberLimit bounds the writing of the history, which continues after Ctrl-C.
const rememberLimit = 5 * time.Second

// remember adds what a verb has done to the history, even if it failed. If the history cannot be written, it only warns, because the
// change was made.
func (p *Project) remember(ctx context.Context, command string, begin time.Time, plan *steps.Plan, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberLimit)
	defer cancel()
	entry := kept.Entry{
		Time: begin.UTC().Truncate(time.Millisecond), Command: command, By: whoami(), TookMS: time.Since(begin).Milliseconds(),
		Result: orchestrate.Outcome(err), Changes: plan.Summarize(),
	}
	if err != nil {
		entry.Error = err.Error()
	}
	if err := kept.Remember(ctx, p.Engine, p.Name, entry); err != nil {
		p.send(report.Event{Kind: report.Warning, Object: p.Name, Detail: "writing the history: " + err.Error()})
	}
}

// whoami returns the user and host of this process.
func whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
