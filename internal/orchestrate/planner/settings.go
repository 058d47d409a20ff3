package planner

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
	"github.com/docker/go-units"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func tmpfsOf(svc types.ServiceConfig) map[string]string {
	if len(svc.Tmpfs) == 0 {
		return nil
	}
	tmpfs := map[string]string{}
	for _, entry := range svc.Tmpfs {
		target, options, _ := strings.Cut(entry, ":")
		tmpfs[target] = options
	}
	return tmpfs
}

func resourcesOf(svc types.ServiceConfig) container.Resources {
	res := container.Resources{
		Memory: int64(svc.MemLimit), MemoryReservation: int64(svc.MemReservation),
		NanoCPUs: int64(svc.CPUS * 1e9),
	}
	pids := svc.PidsLimit
	if svc.Deploy != nil && svc.Deploy.Resources.Limits != nil {
		limits := svc.Deploy.Resources.Limits
		res.Memory = max(res.Memory, int64(limits.MemoryBytes))
		res.NanoCPUs = max(res.NanoCPUs, int64(float32(limits.NanoCPUs)*1e9))
		pids = max(pids, limits.Pids)
	}
	if svc.Deploy != nil && svc.Deploy.Resources.Reservations != nil {
		res.MemoryReservation = max(res.MemoryReservation, int64(svc.Deploy.Resources.Reservations.MemoryBytes))
	}
	if pids != 0 {
		res.PidsLimit = &pids
	}
	for _, name := range slices.Sorted(maps.Keys(svc.Ulimits)) {
		limit := svc.Ulimits[name]
		soft, hard := int64(limit.Soft), int64(limit.Hard)
		if limit.Single != 0 {
			soft, hard = int64(limit.Single), int64(limit.Single)
		}
		res.Ulimits = append(res.Ulimits, &units.Ulimit{Name: name, Soft: soft, Hard: hard})
	}
	return res
}

func portsOf(svc types.ServiceConfig) (nat.PortSet, nat.PortMap, error) {
	exposed, bindings := nat.PortSet{}, nat.PortMap{}
	for _, text := range svc.Expose {
		proto, ports := nat.SplitProtoPort(text)
		first, last, err := nat.ParsePortRange(ports)
		if err != nil {
			return nil, nil, fmt.Errorf("reading expose %q of service %q: %w", text, svc.Name, err)
		}
		for port := first; port <= last; port++ {
			exposed[nat.Port(fmt.Sprintf("%d/%s", port, proto))] = struct{}{}
		}
	}
	for _, config := range svc.Ports {
		p := nat.Port(fmt.Sprintf("%d/%s", config.Target, config.Protocol))
		exposed[p] = struct{}{}
		bindings[p] = append(bindings[p], nat.PortBinding{HostIP: config.HostIP, HostPort: config.Published})
	}
	return exposed, bindings, nil
}

func environmentOf(svc types.ServiceConfig) []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(svc.Environment)) {
		if value := svc.Environment[name]; value != nil {
			env = append(env, name+"="+*value)
		} else {
			env = append(env, name) // takes the image's away
		}
	}
	return env
}

func healthcheckOf(check *types.HealthCheckConfig) *container.HealthConfig {
	switch {
	case check == nil:
		return nil
	case check.Disable:
		return &container.HealthConfig{Test: []string{"NONE"}}
	}
	config := &container.HealthConfig{Test: check.Test}
	for _, d := range []struct {
		from *types.Duration
		to   *time.Duration
	}{{check.Interval, &config.Interval}, {check.Timeout, &config.Timeout}, {check.StartPeriod, &config.StartPeriod}, {check.StartInterval, &config.StartInterval}} {
		if d.from != nil {
			*d.to = time.Duration(*d.from)
		}
	}
	if check.Retries != nil {
		config.Retries = int(*check.Retries)
	}
	return config
}

// restartOf is the policy of `restart`, else that of deploy.restart_policy in the same words, as docker compose maps it.
func restartOf(svc types.ServiceConfig) string {
	if svc.Restart != "" || svc.Deploy == nil || svc.Deploy.RestartPolicy == nil {
		return svc.Restart
	}
	policy := svc.Deploy.RestartPolicy
	switch policy.Condition {
	case "none":
		return "no"
	case "on-failure":
		if policy.MaxAttempts != nil {
			return fmt.Sprintf("on-failure:%d", *policy.MaxAttempts)
		}
		return "on-failure"
	}
	return "always"
}

func restartPolicyOf(text string) (container.RestartPolicy, error) {
	name, count, _ := strings.Cut(text, ":")
	policy := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	if count != "" {
		n, err := strconv.Atoi(count)
		if err != nil {
			return policy, fmt.Errorf("%q: write on-failure:N", text)
		}
		policy.MaximumRetryCount = n
	}
	return policy, container.ValidateRestartPolicy(policy)
}

func stopTimeout(svc types.ServiceConfig) *int {
	if svc.StopGracePeriod == nil {
		return nil
	}
	seconds := int(time.Duration(*svc.StopGracePeriod).Seconds())
	return &seconds
}

func platformOf(text string) (*ocispec.Platform, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return nil, fmt.Errorf("reading platform %q: write os/architecture, such as linux/amd64", text)
	}
	platform := &ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		platform.Variant = parts[2]
	}
	return platform, nil
}
