// Package changes measures what changes to a running stack cost: ten services, replicas, a rollout under load.
package changes

import (
	"context"
	"encoding/json"

	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/bench/rig"
)

const reading = `- Ten services of one Redis container each, of an image that is present; the third depends on the second, and that on the first.
- ` + "`up`, `up -d` that recreates one, and `scale`" + ` end when the containers are started: stackctl gets ` + "`--no-wait`" + ` there, since Compose does not wait.
- Each contender goes through the rows from top to bottom, on one project of its own.
- The rollout: ` + "`stackctl verify rollout --rate 500`" + ` on three replicas. Load, stack and stackctl share the cores. docs/adr/0024 says where the latency comes from.
- The client that repeats nothing is ` + "`--no-retry`" + `: 24 connections that are kept and used in turn. nginx from 1.27.4 on closes connections with an answer by itself (` + "`keepalive_min_timeout`" + `); it is measured where ` + "`-nginx`" + ` names a folder that has it.
`

// The rows, in the order in which each contender goes through them in a run.
const (
	rowTenUp       = "up of ten"
	rowTenPs       = "ps of ten"
	rowTenConfig   = "config of ten"
	rowTenRecreate = "recreate one of ten"
	rowTenScale    = "scale 1 -> 10"
	rowTenDown     = "down of ten"
	rowRollout     = "rollout: failed requests"
	rowRolloutP99  = "rollout: p99 during it / before it"
	rowRolloutOnce = "rollout: failed requests of a client that repeats none"
	rowRolloutNew  = "rollout: failed requests of that client, nginx with keepalive_min_timeout"
)

const requests, factor report.Unit = "requests", "×"

func rows() []*report.Row {
	compose, floor := report.OfCompose(1, "the fastest Compose"), report.OfFloor(1.3)
	return []*report.Row{
		report.NewRow(rowTenUp, "`up -d` of 10 services, three of them in a chain", report.Milliseconds, compose),
		report.NewRow(rowTenPs, "`ps`", report.Milliseconds, compose),
		report.NewRow(rowTenConfig, "`config`", report.Milliseconds, compose),
		report.NewRow(rowTenRecreate, "`up -d` that recreates one of 10", report.Milliseconds, compose),
		report.NewRow(rowTenScale, "`scale` of one from 1 to 10", report.Milliseconds, compose, floor),
		report.NewRow(rowTenDown, "`down` of the 19 containers", report.Milliseconds, compose, floor),
		report.NewRow(rowRollout, "rollout of 3 replicas under 500 requests/s: failed", requests, report.AtMost(0)),
		report.NewRow(rowRolloutP99, "its p99 during the rollout, of that before", factor, report.AtMost(2)),
		report.NewRow(rowRolloutOnce, "the same rollout and a client that repeats nothing: failed", requests, report.AtMost(0)),
		report.NewRow(rowRolloutNew, "rollout behind an nginx from 1.27.4 on, a client that repeats nothing: failed", requests, report.AtMost(0)),
	}
}

// changing has the state that the measures share.
type changing struct {
	*rig.Contest
	embedded rig.Program // stackctl with the embedded stack, which is rolled out
	redis    string      // its image
}

// Measure makes the section. newer is the root of an nginx from 1.27.4 on; empty is none.
func Measure(ctx context.Context, r *rig.Rig, newer string) (report.Section, error) {
	section := r.Section(ctx, "changes", "Changes to a stack", reading)
	c := &changing{Contest: r.Contest(rows())}
	own, err := c.Add(report.Column{Name: report.Stackctl}, "change")
	if err != nil {
		return section, err
	}
	// The embedded stack is not a contender of its own: the same stackctl changes it.
	c.embedded = r.Stackctl(r.Project("change-embedded"), own.Port)
	if err := c.findRedis(ctx); err != nil {
		return section, err
	}
	if err := c.addTen(ctx, own); err != nil {
		return section, err
	}
	c.addRollout(own)
	if err := c.addNewerNginx(own, newer); err != nil {
		return section, err
	}
	err = c.Run(ctx)
	section.Body = c.String()
	return section, err
}

// findRedis asks for the image of the embedded stack's Redis, which the engine has.
func (c *changing) findRedis(ctx context.Context) error {
	data, err := c.embedded.Output(ctx, "config", "--resolve-images", "--format", "json")
	if err != nil {
		return err
	}
	var model struct {
		Services struct{ Redis struct{ Image string } }
	}
	err = json.Unmarshal(data, &model)
	c.redis = model.Services.Redis.Image
	return err
}
