package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// checkPorts checks for each published port whether it is free, ours, or who uses it.
func checkPorts(ctx context.Context, eng *engine.Engine, s *stack.Stack, observed *observe.Observed) []Check {
	var checks []Check
	for _, name := range s.Project.ServiceNames() {
		for _, p := range s.Project.Services[name].Ports {
			if p.Published == "" || p.Published == "0" || p.Protocol != "tcp" {
				continue
			}
			if ours, published := observed.PublishedAt(name, p.Target); published { // possibly not at this command's --port
				checks = append(checks, Check{Name: "port " + ours, Verdict: OK, Detail: "published by this project's service " + name})
				continue
			}
			checks = append(checks, checkPort(ctx, eng, p, observed))
		}
	}
	return checks
}

func checkPort(ctx context.Context, eng *engine.Engine, p types.ServicePortConfig, observed *observe.Observed) Check {
	check := Check{Name: "port " + net.JoinHostPort(cmp.Or(p.HostIP, "0.0.0.0"), p.Published), Verdict: OK}
	taken := Check{Name: check.Name, Verdict: Broken, Next: "stop that, or choose another port with `stackctl up --port`"}
	if portErr := (*planner.PortError)(nil); errors.As(planner.CheckPort(observed, p), &portErr) {
		taken.Detail = "in use by " + portErr.Owner
		return taken
	}
	if !eng.Local() {
		check.Detail = "no container of the engine uses it"
		return check
	}
	if strings.Contains(p.Published, "-") {
		check.Detail = "the engine chooses one of them"
		return check
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(p.HostIP, p.Published))
	switch {
	case err == nil:
		_ = listener.Close()
		check.Detail = "free"
		return check
	case errors.Is(err, fs.ErrPermission): // a port below 1024, which the engine may use
		check.Detail = "no container of the engine uses it"
		return check
	case errors.Is(err, syscall.EADDRINUSE):
		taken.Detail = "in use by another program"
		if owner := orchestrate.PortOwner(p.Published); owner != "" {
			taken.Detail = "in use by " + owner
		}
		return taken
	}
	taken.Detail = err.Error()
	return taken
}

// minimumFree is enough for the images, containers and logs of a small stack.
const minimumFree = 1 << 30

func checkDisk(ctx context.Context, eng *engine.Engine) Check {
	info, err := eng.Info(ctx)
	if err != nil {
		return unanswered("disk", err)
	}
	if !eng.Local() {
		return Check{Name: "disk", Verdict: OK, Detail: "not checked: the engine is on another machine"}
	}
	free, err := freeSpace(info.DockerRootDir)
	if err != nil {
		return Check{Name: "disk", Verdict: OK, Detail: fmt.Sprintf("not checked: %v", err)}
	}
	check := Check{Name: "disk", Verdict: OK, Detail: fmt.Sprintf("%s free for the engine in %s", units.HumanSize(float64(free)), info.DockerRootDir)}
	if free < minimumFree {
		check.Verdict, check.Next = Broken, "free disk space: `docker system df` shows what uses it, `docker image prune` removes unused images"
	}
	return check
}
