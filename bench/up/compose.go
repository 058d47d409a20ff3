package up

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/bench/rig"
	"stackctl.dev/stackctl/internal/stack"
)

const composeNote = "**No healthchecks**: the same stack without its healthchecks, and with services that wait only for each other's start: the fastest that Compose can be with it. " +
	"Here `--wait` waits until the containers run, not until they answer. An engine without `start_interval` would look at a healthcheck after a whole interval only, 10 s."

// lean takes the healthchecks from stackctl's stack. Configuration and password become files, since Compose puts none of another
// kind into a container that is read-only.
const lean = `services:
  redis: {healthcheck: !reset null}
  web: {healthcheck: !reset null, depends_on: !override {redis: {condition: service_started}}}
  nginx: {healthcheck: !reset null, depends_on: !override {web: {condition: service_started}}}
configs:
  nginx_conf: !override {file: %q}
  redis_users: !override {file: %q}
secrets:
  redis_web: !override {file: %q}
`

// addCompose adds docker compose with stackctl's own stack, where it is to be had.
func addCompose(ctx context.Context, c *rig.Contest) error {
	contender, p, err := c.AddCompose(ctx, ", no healthchecks", composeNote, "up-compose")
	if contender == nil || err != nil {
		return err
	}
	model, err := c.Stackctl(contender.Project, contender.Port).Output(ctx, "config", "--resolve-images", "--format", "json")
	if err != nil {
		return err
	}
	same, err := c.TempFile("same.json", model)
	if err != nil {
		return err
	}
	conf, err := assets.FS.ReadFile("nginx.conf")
	if err != nil {
		return err
	}
	confFile, err := c.TempFile("nginx.conf", conf)
	if err != nil {
		return err
	}
	users, err := assets.FS.ReadFile("users.acl")
	if err != nil {
		return err
	}
	password := stack.NewPassword()
	usersFile, err := c.TempFile("users.acl", bytes.ReplaceAll(users, []byte("user web on "), []byte("user web on #"+stack.HashPassword(password)+" ")))
	if err != nil {
		return err
	}
	passwordFile, err := c.TempFile("redis_web", []byte(password))
	if err != nil {
		return err
	}
	override, err := c.TempFile("lean.yaml", fmt.Appendf(nil, lean, confFile, usersFile, passwordFile))
	if err != nil {
		return err
	}
	p = p.On("-f", same, "-f", override)
	var began time.Time
	up := func(args ...string) func(context.Context) (time.Duration, error) {
		return func(ctx context.Context) (time.Duration, error) {
			began = time.Now()
			return p.Timing(append([]string{"up", "-d"}, args...)...)(ctx)
		}
	}
	contender.Time(rowUp, up())
	contender.Time(rowFirst, func(ctx context.Context) (time.Duration, error) {
		err := awaitVisit(ctx, contender.Port)
		return time.Since(began), err
	})
	contender.Time(rowNoop, p.Timing("up", "-d"))
	contender.Time(rowPs, p.Timing("ps"))
	contender.Time(rowDown, p.Timing("down"))
	contender.Time(rowUpWait, c.Afresh(contender, up("--wait")))
	contender.Time(rowNoopWait, p.Timing("up", "-d", "--wait"))
	contender.Time(rowDownKill, p.Timing("down", "-t", "0"))
	return nil
}
