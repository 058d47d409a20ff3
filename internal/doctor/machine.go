package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"

	"github.com/docker/go-units"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
)

// checkPorts says for each published port whether it is free, ours, or whose it is.
func checkPorts(ctx context.Context, eng *engine.Engine, s *stack.Stack, observed *orchestrate.Observed) []Check {
	var checks []Check
	for _, name := range s.Project.ServiceNames() {
		for _, p := range s.Project.Services[name].Ports {
			address, ok := orchestrate.Published(s, name, p.Target)
			if !ok || p.Protocol == "udp" {
				continue
			}
			if ours, published := observed.PublishedAt(name, p.Target); published {
				address = ours // another --port than this run's
			}
			checks = append(checks, checkPort(ctx, eng, address, observed))
		}
	}
	return checks
}

func checkPort(ctx context.Context, eng *engine.Engine, address string, observed *orchestrate.Observed) Check {
	check := Check{Name: "port " + address, Verdict: OK}
	_, port, _ := net.SplitHostPort(address)
	number, _ := strconv.ParseUint(port, 10, 16)
	for _, c := range observed.Containers {
		for _, p := range c.Ports {
			if uint64(p.PublicPort) == number && number != 0 {
				check.Detail = "published by this project's container " + c.Name
				return check
			}
		}
	}
	taken := Check{Name: check.Name, Verdict: Broken, Next: "stop that, or choose another port with `stackctl up --port`"}
	for _, other := range observed.Others {
		if other.Running && slices.ContainsFunc(other.Ports, func(p orchestrate.Port) bool { return uint64(p.PublicPort) == number }) {
			taken.Detail = "in use by container " + other.Name
			return taken
		}
	}
	if !eng.Local() {
		check.Detail = "no container of the engine uses it"
		return check
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		_ = listener.Close()
		check.Detail = "free"
		return check
	case errors.Is(err, syscall.EADDRINUSE):
		taken.Detail = "in use by another program"
		if owner := orchestrate.PortOwner(port); owner != "" {
			taken.Detail = "in use by " + owner
		}
		return taken
	}
	taken.Detail = err.Error()
	return taken
}

// minimumFree is what images, containers and logs of a small stack fit in.
const minimumFree = 1 << 30

func checkDisk(ctx context.Context, eng *engine.Engine) Check {
	info, err := eng.Info(ctx)
	if err != nil {
		return Check{Name: "disk", Verdict: Broken, Detail: err.Error(), Next: "look at the engine's own log"}
	}
	if !eng.Local() {
		return Check{Name: "disk", Verdict: OK, Detail: "not examined: the engine is on another machine"}
	}
	free, err := freeSpace(info.DockerRootDir)
	if err != nil {
		return Check{Name: "disk", Verdict: OK, Detail: fmt.Sprintf("not examined: %v", err)}
	}
	check := Check{Name: "disk", Verdict: OK, Detail: fmt.Sprintf("%s free for the engine in %s", units.HumanSize(float64(free)), info.DockerRootDir)}
	if free < minimumFree {
		check.Verdict, check.Next = Broken, "make room: `docker system df` shows what takes it, `docker image prune` removes unused images"
	}
	return check
}
