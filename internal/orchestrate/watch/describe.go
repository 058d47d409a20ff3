package watch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/mask"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// rows collects the lines of a section; those without a value are left out.
type rows []Row

func (r *rows) add(name, value string) {
	if value != "" {
		*r = append(*r, Row{name, value})
	}
}

func describe(info container.InspectResponse) Details {
	if info.ContainerJSONBase == nil {
		info.ContainerJSONBase = &container.ContainerJSONBase{}
	}
	if info.State == nil {
		info.State = &container.State{}
	}
	if info.HostConfig == nil {
		info.HostConfig = &container.HostConfig{}
	}
	if info.Config == nil {
		info.Config = &container.Config{}
	}
	d := Details{Name: strings.TrimPrefix(info.Name, "/")}
	for _, s := range []Section{
		{"container", aboutContainer(info)},
		{"health", aboutHealth(info.State.Health)},
		{"configuration", aboutConfiguration(info)},
		{"networks", aboutNetworks(info)},
		{"ports", aboutPorts(info)},
		{"mounts", aboutMounts(info)},
		{"environment", aboutEnvironment(info.Config.Env)},
	} {
		if len(s.Rows) > 0 {
			d.Sections = append(d.Sections, s)
		}
	}
	return d
}

func aboutContainer(info container.InspectResponse) (r rows) {
	state := info.State
	r.add("image", info.Config.Image)
	r.add("image ID", shortID(info.Image))
	r.add("id", shortID(info.ID))
	r.add("created", timeText(info.Created))
	r.add("started", timeText(state.StartedAt))
	if !state.Running {
		r.add("finished", timeText(state.FinishedAt))
	}
	r.add("state", string(state.Status))
	if !state.Running && state.Status != "created" {
		r.add("exit code", fmt.Sprint(state.ExitCode))
	}
	r.add("error", mask.Text(state.Error))
	r.add("out of memory", yes(state.OOMKilled))
	r.add("restarts", fmt.Sprint(info.RestartCount))
	policy := string(info.HostConfig.RestartPolicy.Name)
	if n := info.HostConfig.RestartPolicy.MaximumRetryCount; n > 0 {
		policy += fmt.Sprintf(", at most %d times", n)
	}
	r.add("restart policy", cmp.Or(policy, "no"))
	r.add("command", mask.Command(append([]string{info.Path}, info.Args...)))
	return r
}

// Of the last probes, and of what each put out.
const (
	shownProbes     = 5
	shownProbeLines = 3
)

func aboutHealth(h *container.Health) (r rows) {
	if h == nil || h.Status == container.NoHealthcheck {
		return nil
	}
	r.add("status", string(h.Status))
	r.add("failing streak", fmt.Sprint(h.FailingStreak))
	for _, probe := range h.Log[max(0, len(h.Log)-shownProbes):] {
		if probe == nil {
			continue
		}
		text := fmt.Sprintf("exit code %d", probe.ExitCode)
		lines := strings.Split(strings.TrimSpace(probe.Output), "\n")
		if len(lines) > shownProbeLines {
			lines = append(lines[:shownProbeLines], "…")
		}
		if output := strings.TrimSpace(strings.Join(lines, "\n")); output != "" {
			text += ": " + mask.Text(output)
		}
		r.add(probe.Start.Local().Format(time.TimeOnly), text)
	}
	return r
}

func aboutConfiguration(info container.InspectResponse) (r rows) {
	config, host := info.Config, info.HostConfig
	r.add("user", cmp.Or(config.User, "root"))
	r.add("working directory", config.WorkingDir)
	r.add("read-only root", yes(host.ReadonlyRootfs))
	r.add("privileged", yes(host.Privileged))
	r.add("capabilities dropped", strings.Join(host.CapDrop, ", "))
	r.add("capabilities added", strings.Join(host.CapAdd, ", "))
	r.add("security options", strings.Join(host.SecurityOpt, ", "))
	if host.Memory > 0 {
		r.add("memory limit", bytesText(host.Memory))
	}
	switch {
	case host.NanoCPUs > 0:
		r.add("cpus", fmt.Sprintf("%g", float64(host.NanoCPUs)/1e9))
	case host.CPUQuota > 0 && host.CPUPeriod > 0:
		r.add("cpus", fmt.Sprintf("%g", float64(host.CPUQuota)/float64(host.CPUPeriod)))
	}
	if host.PidsLimit != nil && *host.PidsLimit > 0 {
		r.add("process limit", fmt.Sprint(*host.PidsLimit))
	}
	if config.StopSignal != "" {
		r.add("stop signal", config.StopSignal)
	}
	if config.StopTimeout != nil {
		r.add("stop timeout", fmt.Sprintf("%ds", *config.StopTimeout))
	}
	if check := config.Healthcheck; check != nil && len(check.Test) > 0 {
		r.add("healthcheck", mask.Command(check.Test))
	}
	var labels rows
	for name, value := range config.Labels {
		// The fields are for the planner, long, and hashed where it matters.
		if strings.HasPrefix(name, "dev.stackctl.") && name != label.Fields || name == label.ConfigHash {
			labels.add(name, value)
		}
	}
	return append(r, sorted(labels)...)
}

func aboutNetworks(info container.InspectResponse) (r rows) {
	if info.NetworkSettings == nil {
		return nil
	}
	for name, end := range info.NetworkSettings.Networks {
		if end == nil {
			continue
		}
		text := end.IPAddress
		if text == "" && end.IPAMConfig != nil {
			text = end.IPAMConfig.IPv4Address // it is not running: what it will have
		}
		text = cmp.Or(text, "no address")
		if len(end.Aliases) > 0 {
			text += ", also " + strings.Join(end.Aliases, ", ")
		}
		r.add(name, text)
	}
	return sorted(r)
}

func aboutPorts(info container.InspectResponse) (r rows) {
	if info.NetworkSettings == nil {
		return nil
	}
	for port, bindings := range info.NetworkSettings.Ports {
		var at []string
		for _, b := range bindings {
			at = append(at, cmp.Or(b.HostIP, "0.0.0.0")+":"+b.HostPort)
		}
		r.add(string(port), cmp.Or(strings.Join(at, ", "), "not published"))
	}
	return sorted(r)
}

func aboutMounts(info container.InspectResponse) (r rows) {
	for _, m := range info.Mounts {
		access := "ro"
		if m.RW {
			access = "rw"
		}
		r.add(m.Destination, fmt.Sprintf("%s %s -> %s, %s", m.Type, cmp.Or(m.Name, m.Source), m.Destination, access))
	}
	for target, options := range info.HostConfig.Tmpfs {
		r.add(target, strings.TrimSuffix(fmt.Sprintf("tmpfs -> %s, %s", target, options), ", "))
	}
	return sorted(r)
}

func aboutEnvironment(env []string) (r rows) {
	for _, setting := range env {
		name, value, _ := strings.Cut(setting, "=")
		r = append(r, Row{name, mask.Setting(name, value)})
	}
	return sorted(r)
}

func sorted(r rows) rows {
	slices.SortStableFunc(r, func(a, b Row) int { return strings.Compare(a.Name, b.Name) })
	return r
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}

// timeText is the engine's time in the local zone; "" for never.
func timeText(text string) string {
	t := engineTime(text)
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}
