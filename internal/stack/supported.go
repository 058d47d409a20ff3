package stack

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/tree"
)

// supportedServiceKeys are the supported keys of a service. Any other key is an error, never ignored, and so is a key that a later
// Compose specification adds.
var supportedServiceKeys = []string{
	"build", "cap_add", "cap_drop", "command", "configs", "container_name", "cpus", "depends_on", "deploy",
	"dns", "dns_opt", "dns_search", "domainname", "entrypoint", "env_file", "environment", "expose", "extends",
	"extra_hosts", "group_add", "healthcheck", "hostname", "image", "init", "labels", "logging", "mem_limit",
	"mem_reservation", "networks", "pids_limit", "platform", "ports", "profiles", "pull_policy", "read_only", "restart",
	"scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period", "stop_signal", "sysctls", "tmpfs", "tty",
	"ulimits", "user", "volumes", "working_dir",
}

// unsupportedPaths are the parts of supported keys that are not supported.
var unsupportedPaths = []string{
	"services.*.build.additional_contexts", "services.*.build.cache_from", "services.*.build.cache_to",
	"services.*.build.entitlements", "services.*.build.extra_hosts", "services.*.build.isolation",
	"services.*.build.network", "services.*.build.platforms", "services.*.build.privileged",
	"services.*.build.provenance", "services.*.build.sbom", "services.*.build.secrets", "services.*.build.shm_size",
	"services.*.build.ssh", "services.*.build.ulimits", "services.*.build.no_cache_filter",
	"services.*.deploy.endpoint_mode", "services.*.deploy.labels", "services.*.deploy.placement",
	"services.*.deploy.resources.limits.devices", "services.*.deploy.resources.limits.generic_resources",
	"services.*.deploy.resources.reservations.devices", "services.*.deploy.resources.reservations.generic_resources",
	"services.*.deploy.resources.reservations.cpus",
	"services.*.deploy.restart_policy.delay", "services.*.deploy.restart_policy.window", "services.*.deploy.rollback_config",
	"services.*.deploy.update_config.monitor", "services.*.deploy.update_config.max_failure_ratio",
	"services.*.env_file.[].format",
	"services.*.networks.*.driver_opts", "services.*.networks.*.gw_priority", "services.*.networks.*.interface_name",
	"services.*.networks.*.ipv6_address", "services.*.networks.*.link_local_ips", "services.*.networks.*.mac_address",
	"services.*.networks.*.priority", "services.*.networks.*.use_service_name_alias",
	"services.*.volumes.[].image", "services.*.volumes.[].consistency", "services.*.volumes.[].volume.subpath",
	"services.*.volumes.[].volume.labels", "services.*.volumes.[].bind.propagation",
	"services.*.volumes.[].bind.recursive", "networks.*.ipam.options", "services.*.deploy.mode",
	"secrets.*.external", "secrets.*.driver", "secrets.*.driver_opts", "secrets.*.template_driver", "secrets.*.content",
	"configs.*.template_driver", "configs.*.external", "networks.*.enable_ipv6", "networks.*.enable_ipv4",
}

// supportedTopLevel are the supported top-level keys.
var supportedTopLevel = []string{"configs", "include", "name", "networks", "secrets", "services", "version", "volumes"}

// Supported lists the supported attribute paths of the Compose specification.
func Supported() []tree.Path {
	return slices.DeleteFunc(slices.Clone(schema.AttributePaths()), func(path tree.Path) bool {
		parts := path.Parts()
		if !slices.Contains(supportedTopLevel, parts[0]) {
			return true
		}
		if parts[0] == "services" && len(parts) > 2 && !slices.Contains(supportedServiceKeys, parts[2]) {
			return true
		}
		return slices.ContainsFunc(unsupportedPaths, func(prefix string) bool {
			return string(path) == prefix || strings.HasPrefix(string(path), prefix+".")
		})
	})
}
