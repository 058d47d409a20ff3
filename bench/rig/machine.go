package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// machineFacts describes the machine before the measurement. What cannot be found is left out.
func machineFacts(ctx context.Context, eng *engine.Engine) []report.Fact {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	facts := []report.Fact{{Name: "date", Value: time.Now().UTC().Format("2006-01-02 15:04 UTC")}}
	add := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			facts = append(facts, report.Fact{Name: name, Value: value})
		}
	}
	add("cores", strings.TrimSuffix(fmt.Sprintf("%d, %s", runtime.NumCPU(), processor()), ", "))
	if version, err := eng.ServerVersion(ctx); err == nil {
		add("engine", fmt.Sprintf("Docker %s, API %s", version.Version, eng.API))
	}
	if info, err := eng.Info(ctx); err == nil {
		add("kernel", runtime.GOOS+"/"+runtime.GOARCH+" "+info.KernelVersion)
		add("engine's set-up", fmt.Sprintf("storage driver %s, cgroup v%s, %s", info.Driver, info.CgroupVersion, info.DefaultRuntime))
	}
	add("Go", strings.TrimPrefix(runtime.Version(), "go"))
	add("load average before", load())
	return facts
}

func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// load is the load average of the last 1, 5 and 15 minutes.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(data))
	if err != nil || len(fields) < 3 {
		return ""
	}
	return strings.Join(fields[:3], ", ")
}

// commit names the source that was measured.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(changed) > 0 {
		name += " with uncommitted changes"
	}
	return name
}
