package rig

import (
	"context"
	"fmt"
	"os"
	"strings"

	"stackctl.dev/stackctl/bench/report"
)

// AddCompose adds docker compose as a contender, with a project: the program that STACKCTL_COMPOSE names. It is nil if there is
// none, or -only does not select it. The suffix of its name says which stack it runs.
func (c *Contest) AddCompose(ctx context.Context, suffix, note, project string) (*Contender, Program, error) {
	tool := c.Program(os.Getenv("STACKCTL_COMPOSE"))
	version, err := tool.Output(ctx, "version", "--short")
	if err != nil {
		c.Skipped = append(c.Skipped, fmt.Sprintf("docker compose: STACKCTL_COMPOSE names none (%s); `make bench` gets one", c.Short(err)))
		return nil, tool, nil
	}
	name := "docker compose " + strings.TrimPrefix(strings.TrimSpace(string(version)), "v") + suffix
	if !c.Wants(name) {
		return nil, tool, nil
	}
	contender, err := c.Add(report.Column{Name: name, Note: note}, project)
	return contender, tool.On("-p", contender.Project), err
}
