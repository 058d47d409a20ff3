package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// allSupported is a Compose file with what stackctl supports.
const allSupported = `
include: [included.yaml]
services:
  sink:
    extends: {file: base.yaml, service: common}
    command: --save "" --port 6380
    env_file: [vars.env]
    environment: [LIST=style, EMPTY=, UNSET]
    expose: ["6380", "7000-7002"]
    ports: ["127.0.0.1:18000-18002:8000-8002", {target: 9000, published: "19000", host_ip: 127.0.0.1, protocol: udp}, "6390"]
    volumes:
      - data:/data
      - data:/labelled:Z
      - ./file.txt:/etc/file.txt:ro
      - ./file.txt:/etc/shared.txt:ro,z
      - {type: tmpfs, target: /scratch, tmpfs: {size: 1048576, mode: 0o1777}}
      - /anonymous
      - {type: bind, source: ., target: /here, read_only: true}
    networks: {front: {aliases: [sinky]}, back: {}}
    healthcheck: {test: "redis-cli -p 6380 ping", interval: 5s, timeout: 2s, retries: 4, start_period: 1s}
    restart: on-failure:3
    stop_signal: SIGINT
    stop_grace_period: 3s
    init: true
    user: "1000:1000"
    working_dir: /tmp
    hostname: sinkhost
    domainname: example.org
    extra_hosts: ["one:10.0.0.1", "host.docker.internal:host-gateway"]
    dns: [1.1.1.1]
    dns_search: [example.org]
    dns_opt: [ndots:2]
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    tmpfs: [/run, "/var/tmp:size=64k"]
    shm_size: 96m
    ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 100}
    sysctls: {net.core.somaxconn: 512}
    labels: {a: b, "c.d": "1"}
    logging: {driver: json-file, options: {max-size: 1m, max-file: "2"}}
    mem_limit: 64m
    mem_reservation: 32m
    cpus: 0.5
    pids_limit: 50
    group_add: ["44"]
    tty: true
    stdin_open: true
    pull_policy: never
    platform: linux/amd64
  dependant:
    image: IMAGE
    entrypoint: redis-server --save ""
    deploy: {replicas: 2, resources: {limits: {cpus: "0.25", memory: 50M, pids: 20}, reservations: {memory: 20M}}, restart_policy: {condition: on-failure, max_attempts: 2}}
    depends_on: {sink: {condition: service_started, restart: true}, included: {condition: service_healthy, required: false}}
    healthcheck: {disable: true}
    read_only: true
  profiled: {image: IMAGE, profiles: [debug]}
networks: {front: {}, back: {internal: true, labels: {x: "y"}}}
volumes: {data: {labels: {v: "1"}}}
`

// TestSameContainersAsCompose creates what a Compose file describes with both tools: the engine is told the same.
func TestSameContainersAsCompose(t *testing.T) {
	needEngine(t)
	command := composeCommand(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml": allSupported, "vars.env": "E1=from a file\n", "file.txt": "x", ".env": "SAVE=--save\n",
		"base.yaml":     "services: {common: {image: IMAGE, entrypoint: [redis-server], environment: {BASE: \"yes\"}, labels: {base: label}}}\n",
		"included.yaml": "services: {included: {image: IMAGE, entrypoint: [redis-server, \"${SAVE}\", \"\"], healthcheck: {test: [CMD, redis-cli, ping]}}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "IMAGE", hostRedis(t))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "compose.yaml")
	theirs, ours := ownProject("same-theirs"), ownProject("same-ours")
	t.Cleanup(func() { cleanUp(t, theirs); cleanUp(t, ours) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	create := exec.CommandContext(ctx, command[0], slices.Concat(command[1:], []string{"-p", theirs, "-f", file, "create"})...)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("compose: %v\n%s", err, out)
	}
	must(t, ours, "0", "-f", file, "create")
	want, got := described(t, theirs), described(t, ours)
	if len(want) != 4 {
		t.Errorf("compose has made %d containers", len(want))
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-compose +stackctl:\n%s", diff)
	}
}

// what is known of a container that both tools have made of the same.
type what struct {
	Config   *container.Config
	Host     *container.HostConfig
	Mounts   map[string]string   // by path
	Networks map[string][]string // aliases
}

// described inspects the containers of a project, without what cannot be the same and what is no part of them.
func described(t *testing.T, project string) map[string]what {
	t.Helper()
	eng, observed := connected(t), look(t, project)
	plain := func(text string) string { return strings.ReplaceAll(text, project, "PROJECT") }
	found := map[string]what{}
	for _, c := range observed.Containers {
		info, err := eng.ContainerInspect(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		w := what{Config: info.Config, Host: info.HostConfig, Mounts: map[string]string{}, Networks: map[string][]string{}}
		for name, value := range w.Config.Labels {
			if name == label.DependsOn {
				services := strings.Split(value, ",")
				slices.Sort(services)
				value = strings.Join(services, ",")
			}
			w.Config.Labels[name] = plain(value)
			if strings.HasPrefix(name, "dev.stackctl.") || name == label.Version {
				delete(w.Config.Labels, name)
			}
		}
		slices.Sort(w.Config.Env)
		slices.Sort(w.Host.ExtraHosts)
		slices.SortFunc(w.Host.Ulimits, func(a, b *container.Ulimit) int { return strings.Compare(a.Name, b.Name) })
		w.Config.AttachStdout, w.Config.AttachStderr = false, false // of the one who starts it, of whom there is none
		if w.Config.Hostname == c.ID[:12] {
			w.Config.Hostname = ""
		}
		w.Host.NetworkMode = container.NetworkMode(plain(string(w.Host.NetworkMode)))
		w.Host.Binds, w.Host.Mounts = nil, nil // two ways to say the same
		for _, m := range info.Mounts {
			source := plain(m.Name) + m.Source
			if m.Type == "volume" {
				source = plain(m.Name)[:min(20, len(plain(m.Name)))]
				if strings.Trim(source, "0123456789abcdef") == "" {
					source = "anonymous"
				}
			}
			w.Mounts[m.Destination] = string(m.Type) + " " + source
		}
		for name, endpoint := range info.NetworkSettings.Networks {
			for _, alias := range endpoint.Aliases {
				if alias = plain(alias); alias != c.ID[:12] && !slices.Contains(w.Networks[plain(name)], alias) {
					w.Networks[plain(name)] = append(w.Networks[plain(name)], alias)
				}
			}
			slices.Sort(w.Networks[plain(name)])
		}
		found[plain(c.Name)] = w
	}
	return found
}
