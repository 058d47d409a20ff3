package stack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// hashedKeys are the keys of a service in the order in which they are hashed: that of compose-go's ServiceConfig up to 2.15, which
// docker compose still uses for its hashes (docker/compose pkg/compose/hash.go). Newer keys follow in alphabetical order.
var hashedKeys = []string{
	"annotations", "attach", "develop", "blkio_config", "cap_add", "cap_drop", "cgroup_parent", "cgroup", "cpu_count",
	"cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpus", "cpuset", "cpu_shares",
	"command", "configs", "container_name", "credential_spec", "deploy", "device_cgroup_rules", "devices", "dns",
	"dns_opt", "dns_search", "dockerfile", "domainname", "entrypoint", "provider", "environment", "env_file", "expose",
	"extends", "external_links", "extra_hosts", "group_add", "gpus", "hostname", "healthcheck", "image", "init", "ipc",
	"isolation", "labels", "label_file", "links", "logging", "log_driver", "log_opt", "mem_limit", "mem_reservation",
	"memswap_limit", "mem_swappiness", "mac_address", "models", "net", "network_mode", "networks", "oom_kill_disable",
	"oom_score_adj", "pid", "pids_limit", "platform", "ports", "privileged", "read_only", "restart", "runtime", "secrets",
	"security_opt", "shm_size", "stdin_open", "stop_grace_period", "stop_signal", "storage_opt", "sysctls", "tmpfs",
	"tty", "ulimits", "use_api_socket", "user", "userns_mode", "uts", "volume_driver", "volumes", "volumes_from",
	"working_dir", "pre_start", "post_start", "pre_stop",
}

// Hash identifies a service's configuration: the SHA-256, in hex, of its JSON without the keys that say how to build, pull, order
// and scale it. Docker compose writes the same hash into the label com.docker.compose.config-hash (docker/compose
// pkg/compose/hash.go, ServiceHash), so that neither tool recreates the other's containers.
func Hash(svc types.ServiceConfig) (string, error) {
	canonical, err := canonicalJSON(svc)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

func canonicalJSON(svc types.ServiceConfig) ([]byte, error) {
	svc.Build = nil
	svc.PullPolicy = ""
	svc.Scale = nil
	if svc.Deploy != nil {
		deploy := *svc.Deploy
		deploy.Replicas = nil
		svc.Deploy = &deploy
	}
	svc.DependsOn = nil
	svc.Profiles = nil
	data, err := json.Marshal(svc)
	if err != nil {
		return nil, fmt.Errorf("hashing service %q: %w", svc.Name, err)
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, fmt.Errorf("hashing service %q: %w", svc.Name, err)
	}
	later := slices.DeleteFunc(sortedKeys(values), func(key string) bool { return slices.Contains(hashedKeys, key) })
	var out bytes.Buffer
	for _, key := range slices.Concat(hashedKeys, later) {
		value, ok := values[key]
		if !ok {
			continue
		}
		separator := byte(',')
		if out.Len() == 0 {
			separator = '{'
		}
		out.WriteByte(separator)
		out.WriteString(strconv.Quote(key) + ":")
		out.Write(value)
	}
	if out.Len() == 0 {
		out.WriteByte('{')
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Fields flattens the configuration that Hash covers into dotted paths and their values, so that two of them can be compared field
// by field. Values of environment variables and labels are replaced with a short hash: they may be secrets.
func Fields(svc types.ServiceConfig) (map[string]string, error) {
	data, err := canonicalJSON(svc)
	if err != nil {
		return nil, err
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("hashing service %q: %w", svc.Name, err)
	}
	fields := map[string]string{}
	flatten(fields, "", tree)
	return fields, nil
}

func flatten(into map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			flatten(into, join(path, key), child)
		}
	case []any:
		if text, ok := joinStrings(v); ok {
			into[path] = text
			return
		}
		for i, child := range v {
			flatten(into, join(path, strconv.Itoa(i)), child)
		}
	case nil:
	default:
		text := fmt.Sprint(v)
		if strings.HasPrefix(path, "environment.") || strings.HasPrefix(path, "labels.") {
			sum := sha256.Sum256([]byte(text))
			text = "sha256:" + hex.EncodeToString(sum[:4])
		}
		into[path] = text
	}
}

// joinStrings joins a list of strings: a command is easier to read whole than word by word.
func joinStrings(list []any) (string, bool) {
	parts := make([]string, len(list))
	for i, item := range list {
		text, ok := item.(string)
		if !ok {
			return "", false
		}
		parts[i] = text
	}
	return strings.Join(parts, " "), true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// ChangedField is a field whose value differs; a value is "" if the field is absent.
type ChangedField struct{ Path, Old, New string }

// Diff lists the fields that differ, sorted by path.
func Diff(old, wanted map[string]string) []ChangedField {
	all := maps.Clone(wanted)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, old)
	var changed []ChangedField
	for _, path := range sortedKeys(all) {
		if old[path] != wanted[path] {
			changed = append(changed, ChangedField{Path: path, Old: old[path], New: wanted[path]})
		}
	}
	return changed
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
