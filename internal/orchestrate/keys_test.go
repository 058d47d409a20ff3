package orchestrate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/tree"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// beforeKeys is what the changes below are made to.
const beforeKeys = `
services:
  a:
    image: a
    networks: {n: {}}
    volumes: [{type: volume, source: v, target: /v}]
    configs: [{source: c, target: /c/c}]
    secrets: [{source: s, target: /s/s}]
    depends_on: {b: {condition: service_started}}
  b: {image: b, healthcheck: {test: a}}
networks: {n: {}, m: {ipam: {config: [{subnet: 10.8.0.0/16}]}}}
volumes: {v: {}, w: {}}
configs: {d: {content: "y"}}
secrets: {r: {environment: B}}
`

// changing are two values of each key; the first may be none. They stand in service a, network n, volume v, config c, secret s.
var changing = map[string][2]string{
	"services.*.cap_add": {``, `cap_add: [NET_ADMIN]`}, "services.*.cap_drop": {``, `cap_drop: [ALL]`},
	"services.*.command": {`command: a`, `command: b`}, "services.*.entrypoint": {``, `entrypoint: a`},
	"services.*.configs.[].gid": {``, `configs: !override [{source: c, target: /c/c, gid: "1"}]`}, "services.*.configs.[].uid": {``, `configs: !override [{source: c, target: /c/c, uid: "1"}]`},
	"services.*.configs.[].mode": {``, `configs: !override [{source: c, target: /c/c, mode: 0400}]`}, "services.*.configs.[].source": {``, `configs: !override [{source: d, target: /c/c}]`},
	"services.*.configs.[].target": {``, `configs: !override [{source: c, target: /c/d}]`},
	"services.*.secrets.[].gid":    {``, `secrets: !override [{source: s, target: /s/s, gid: "1"}]`}, "services.*.secrets.[].uid": {``, `secrets: !override [{source: s, target: /s/s, uid: "1"}]`},
	"services.*.secrets.[].mode": {``, `secrets: !override [{source: s, target: /s/s, mode: 0400}]`}, "services.*.secrets.[].source": {``, `secrets: !override [{source: r, target: /s/s}]`},
	"services.*.secrets.[].target": {``, `secrets: !override [{source: s, target: /s/r}]`},
	"services.*.container_name":    {``, `container_name: other`}, "services.*.cpus": {`cpus: 1`, `cpus: 2`},
	"services.*.depends_on.*.condition": {``, `depends_on: {b: {condition: service_healthy}}`},
	"services.*.depends_on.*.restart":   {``, `depends_on: {b: {condition: service_started, restart: true}}`},
	"services.*.deploy.replicas":        {``, `deploy: {replicas: 2}`}, "services.*.scale": {``, `scale: 2`},
	"services.*.deploy.resources.limits.cpus": {``, `deploy: {resources: {limits: {cpus: "2"}}}`}, "services.*.deploy.resources.limits.memory": {``, `deploy: {resources: {limits: {memory: 9m}}}`},
	"services.*.deploy.resources.limits.pids": {``, `deploy: {resources: {limits: {pids: 9}}}`}, "services.*.deploy.resources.reservations.memory": {``, `deploy: {resources: {reservations: {memory: 9m}}}`},
	"services.*.deploy.restart_policy.condition": {``, `deploy: {restart_policy: {condition: any}}`}, "services.*.deploy.restart_policy.max_attempts": {``, `deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}`},
	"services.*.deploy.update_config.delay": {``, `deploy: {update_config: {delay: 2s}}`}, "services.*.deploy.update_config.failure_action": {``, `deploy: {update_config: {failure_action: rollback}}`},
	"services.*.deploy.update_config.order": {``, `deploy: {update_config: {order: stop-first}}`}, "services.*.deploy.update_config.parallelism": {``, `deploy: {update_config: {parallelism: 2}}`},
	"services.*.dns": {``, `dns: [9.9.9.9]`}, "services.*.dns_opt": {``, `dns_opt: ["ndots:1"]`}, "services.*.dns_search": {``, `dns_search: [a.example]`}, "services.*.domainname": {``, `domainname: a.example`},
	"services.*.env_file.[].path": {``, `env_file: [{path: a.env}]`},
	"services.*.environment.*":    {`environment: {A: "1"}`, `environment: {A: "2"}`}, "services.*.expose": {``, `expose: ["81"]`},
	"services.*.extends.file": {`extends: {file: a.yaml, service: a}`, `extends: {file: b.yaml, service: a}`}, "services.*.extends.service": {`extends: {file: a.yaml, service: a}`, `extends: {file: a.yaml, service: b}`},
	"services.*.extra_hosts.*": {``, `extra_hosts: {h: 9.9.9.9}`}, "services.*.group_add": {``, `group_add: ["9"]`},
	"services.*.healthcheck.disable": {`healthcheck: {test: a}`, `healthcheck: {test: a, disable: true}`}, "services.*.healthcheck.interval": {`healthcheck: {test: a}`, `healthcheck: {test: a, interval: 9s}`},
	"services.*.healthcheck.retries": {`healthcheck: {test: a}`, `healthcheck: {test: a, retries: 9}`}, "services.*.healthcheck.start_interval": {`healthcheck: {test: a}`, `healthcheck: {test: a, start_interval: 9s}`},
	"services.*.healthcheck.start_period": {`healthcheck: {test: a}`, `healthcheck: {test: a, start_period: 9s}`}, "services.*.healthcheck.timeout": {`healthcheck: {test: a}`, `healthcheck: {test: a, timeout: 9s}`},
	"services.*.healthcheck.test": {`healthcheck: {test: a}`, `healthcheck: {test: b}`}, "services.*.hostname": {``, `hostname: h`}, "services.*.image": {``, `image: c`},
	"services.*.init": {`init: false`, `init: true`}, "services.*.labels.*": {`labels: {l: "1"}`, `labels: {l: "2"}`}, "services.*.logging.driver": {``, `logging: {driver: local}`},
	"services.*.logging.options.*": {`logging: {driver: local}`, `logging: {driver: local, options: {max-size: 1m}}`}, "services.*.mem_limit": {``, `mem_limit: 9m`}, "services.*.mem_reservation": {``, `mem_reservation: 9m`},
	"services.*.networks.*.aliases": {``, `networks: {n: {aliases: [x]}}`}, "services.*.networks.*.ipv4_address": {`networks: {m: {}}`, `networks: {m: {ipv4_address: 10.8.0.77}}`},
	"services.*.pids_limit": {``, `pids_limit: 9`}, "services.*.platform": {``, `platform: linux/amd64`},
	"services.*.ports.[].host_ip": {`ports: [{target: 80, published: "81"}]`, `ports: [{target: 80, published: "81", host_ip: 127.0.0.1}]`}, "services.*.ports.[].protocol": {`ports: [{target: 80}]`, `ports: [{target: 80, protocol: udp}]`},
	"services.*.ports.[].published": {`ports: [{target: 80, published: "81"}]`, `ports: [{target: 80, published: "82"}]`}, "services.*.ports.[].target": {`ports: [{target: 80}]`, `ports: [{target: 81}]`},
	"services.*.ports.[].app_protocol": {`ports: [{target: 80}]`, `ports: [{target: 80, app_protocol: http}]`}, "services.*.ports.[].mode": {`ports: [{target: 80}]`, `ports: [{target: 80, mode: host}]`},
	"services.*.ports.[].name": {`ports: [{target: 80}]`, `ports: [{target: 80, name: x}]`}, "services.*.read_only": {``, `read_only: true`}, "services.*.restart": {``, `restart: always`},
	"services.*.security_opt": {``, `security_opt: ["no-new-privileges:true"]`}, "services.*.shm_size": {``, `shm_size: 9m`}, "services.*.stdin_open": {``, `stdin_open: true`},
	"services.*.stop_grace_period": {``, `stop_grace_period: 9s`}, "services.*.stop_signal": {``, `stop_signal: SIGINT`}, "services.*.sysctls.*": {``, `sysctls: {net.core.somaxconn: 9}`},
	"services.*.tmpfs": {``, `tmpfs: [/t]`}, "services.*.tty": {``, `tty: true`}, "services.*.ulimits.*": {``, `ulimits: {nofile: 9}`},
	"services.*.ulimits.*.hard": {`ulimits: {nofile: {soft: 8, hard: 9}}`, `ulimits: {nofile: {soft: 8, hard: 10}}`}, "services.*.ulimits.*.soft": {`ulimits: {nofile: {soft: 8, hard: 9}}`, `ulimits: {nofile: {soft: 7, hard: 9}}`},
	"services.*.user": {``, `user: "9"`}, "services.*.working_dir": {``, `working_dir: /w`},
	"services.*.volumes.[].bind.create_host_path": {`volumes: [{type: bind, source: /h, target: /t}]`, `volumes: [{type: bind, source: /h, target: /t, bind: {create_host_path: false}}]`},
	"services.*.volumes.[].bind.selinux":          {`volumes: [{type: bind, source: /h, target: /t}]`, `volumes: [{type: bind, source: /h, target: /t, bind: {selinux: z}}]`},
	"services.*.volumes.[].read_only":             {``, `volumes: [{type: volume, source: v, target: /v, read_only: true}]`}, "services.*.volumes.[].source": {``, `volumes: [{type: volume, source: w, target: /v}]`},
	"services.*.volumes.[].target": {``, `volumes: [{type: volume, source: v, target: /x}]`}, "services.*.volumes.[].type": {`volumes: [{type: volume, target: /t}]`, `volumes: [{type: tmpfs, target: /t}]`},
	"services.*.volumes.[].tmpfs.mode": {`volumes: [{type: tmpfs, target: /t}]`, `volumes: [{type: tmpfs, target: /t, tmpfs: {mode: 0700}}]`}, "services.*.volumes.[].tmpfs.size": {`volumes: [{type: tmpfs, target: /t}]`, `volumes: [{type: tmpfs, target: /t, tmpfs: {size: 9m}}]`},
	"services.*.volumes.[].volume.nocopy": {``, `volumes: [{type: volume, source: v, target: /v, volume: {nocopy: true}}]`},

	"networks.*.attachable": {``, `attachable: true`}, "networks.*.driver": {``, `driver: macvlan`}, "networks.*.driver_opts.*": {``, `driver_opts: {o: x}`}, "networks.*.internal": {``, `internal: true`},
	"networks.*.external": {``, `external: true, name: outside`}, "networks.*.external.name": {``, `external: {name: outside}`}, "networks.*.name": {``, `name: other`}, "networks.*.labels.*": {``, `labels: {l: x}`},
	"networks.*.ipam.driver": {``, `ipam: {driver: other}`}, "networks.*.ipam.config.[].subnet": {``, `ipam: {config: [{subnet: 10.9.0.0/16}]}`},
	"networks.*.ipam.config.[].aux_addresses.*": {`ipam: {config: [{subnet: 10.9.0.0/16}]}`, `ipam: {config: [{subnet: 10.9.0.0/16, aux_addresses: {h: 10.9.0.9}}]}`},
	"networks.*.ipam.config.[].gateway":         {`ipam: {config: [{subnet: 10.9.0.0/16}]}`, `ipam: {config: [{subnet: 10.9.0.0/16, gateway: 10.9.0.9}]}`},
	"networks.*.ipam.config.[].ip_range":        {`ipam: {config: [{subnet: 10.9.0.0/16}]}`, `ipam: {config: [{subnet: 10.9.0.0/16, ip_range: 10.9.9.0/24}]}`},

	"volumes.*.driver": {``, `driver: other`}, "volumes.*.driver_opts.*": {``, `driver_opts: {o: x}`}, "volumes.*.labels.*": {``, `labels: {l: x}`},
	"volumes.*.external": {``, `external: true, name: outside`}, "volumes.*.external.name": {``, `external: {name: outside}`}, "volumes.*.name": {``, `name: other`},

	"configs.*.content": {`content: x`, `content: z`}, "configs.*.environment": {`environment: A`, `environment: B`}, "configs.*.file": {`file: a.env`, `file: b.env`},
	"secrets.*.environment": {`environment: A`, `environment: B`}, "secrets.*.file": {`file: a.env`, `file: b.env`},
	"include.[].path": {``, `include: [{path: more.yaml}]`}, "include.[].env_file": {`include: [{path: more.yaml}]`, `include: [{path: more.yaml, env_file: a.env}]`},
}

// unchanging are the keys of which a change changes no object of the engine, and why.
var unchanging = map[string]struct {
	values [2]string
	why    string
}{
	"services.*.build.args.*":            {[2]string{`build: {context: .}`, `build: {context: ., args: {A: "1"}}`}, "an image is built when it is missing, or with --build; then its ID differs"},
	"services.*.build.context":           {[2]string{`build: {context: .}`, `build: {context: sub}`}, "as build.args"},
	"services.*.build.dockerfile":        {[2]string{`build: {context: .}`, `build: {context: ., dockerfile: D}`}, "as build.args"},
	"services.*.build.dockerfile_inline": {[2]string{`build: {context: .}`, `build: {context: ., dockerfile_inline: FROM a}`}, "as build.args"},
	"services.*.build.labels.*":          {[2]string{`build: {context: .}`, `build: {context: ., labels: {l: x}}`}, "as build.args"},
	"services.*.build.no_cache":          {[2]string{`build: {context: .}`, `build: {context: ., no_cache: true}`}, "as build.args"},
	"services.*.build.pull":              {[2]string{`build: {context: .}`, `build: {context: ., pull: true}`}, "as build.args"},
	"services.*.build.tags":              {[2]string{`build: {context: .}`, `build: {context: ., tags: [x]}`}, "as build.args"},
	"services.*.build.target":            {[2]string{`build: {context: .}`, `build: {context: ., target: x}`}, "as build.args"},
	"services.*.depends_on.*.required":   {[2]string{``, `depends_on: {b: {condition: service_started, required: false}}`}, "it says what a failure of the dependency means to up"},
	"services.*.env_file.[].required":    {[2]string{`env_file: [{path: a.env}]`, `env_file: [{path: a.env, required: false}]`}, "the content of the file counts"},
	"services.*.profiles":                {[2]string{``, `profiles: [x]`}, "it says whether the service is part of a run"},
	"services.*.pull_policy":             {[2]string{``, `pull_policy: never`}, "it says how the image gets here; its ID is compared"},
	"configs.*.labels.*":                 {[2]string{`content: x`, `content: x, labels: {l: x}`}, "a config is a file in a container, which has no labels"},
	"secrets.*.labels.*":                 {[2]string{`environment: A`, `environment: A, labels: {l: x}`}, "as of a config"},
	"configs.*.name":                     {[2]string{`content: x`, `content: x, name: other`}, "a config is a file in a container, and its target says how that is called"},
	"secrets.*.name":                     {[2]string{`environment: A`, `environment: A, name: other`}, "as of a config"},
	"include.[].project_directory":       {[2]string{`include: [{path: more.yaml}]`, `include: [{path: more.yaml, project_directory: sub}]`}, "what the paths lead to counts"},
	"name":                               {[2]string{``, `name: other`}, "another project: these tests name theirs"},
	"version":                            {[2]string{``, `version: "3"`}, "it is obsolete, and does nothing"},
}

// Every key of the Compose model that is honoured: change it, and the plan says so, there and back.
func TestAChangeOfEachKeyIsPlanned(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"base.yaml": beforeKeys, "a.env": "A=1\nM=1\n", "b.env": "A=2\n", "a.yaml": "services: {a: {tty: true}, b: {init: true}}\n", "b.yaml": "services: {a: {init: true}}\n",
		"more.yaml": "services: {more: {image: more, environment: {M: $M}}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range leaves() {
		values, planned := changing[path]
		if other, ok := unchanging[path]; ok == planned {
			t.Errorf("%s: say in one of the lists how it is changed", path)
			continue
		} else if ok {
			values = other.values
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for i := range values {
				w := newWorld(t, variant(t, dir, path, values[i]))
				w.createNetwork("outside", nil)
				w.createVolume("outside", nil)
				w.up()
				w.use(variant(t, dir, path, values[1-i]))
				plan, _, err := orchestrate.Prepare(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice, RemoveOrphans: true})
				if named := err != nil || !plan.Empty(); named != planned {
					t.Errorf("%q -> %q: error %v, plan\n%v", values[i], values[1-i], err, plan)
				}
			}
		})
	}
}

// leaves are the keys below which there are none, and those of lists and maps that are set as a whole.
func leaves() (found []string) {
	all := stack.Supported()
	for _, path := range all {
		if !slices.ContainsFunc(all, func(other tree.Path) bool { return strings.HasPrefix(string(other), string(path)+".") }) {
			found = append(found, string(path))
		}
	}
	return found
}

// variant is the project with a change to the object that the path is of.
func variant(t *testing.T, dir, path, change string) *stack.Stack {
	t.Helper()
	parts := map[string]string{"services": "", "networks": "", "volumes": "", "configs": "content: x", "secrets": "environment: A"}
	section, _, _ := strings.Cut(path, ".")
	whole := change + "\n"
	if _, ok := parts[section]; ok {
		parts[section], whole = change, ""
	}
	for section, object := range map[string]string{"services": "a", "networks": "n", "volumes": "v", "configs": "c", "secrets": "s"} {
		if parts[section] != "" {
			whole += fmt.Sprintf("%s: {%s: {%s}}\n", section, object, parts[section])
		}
	}
	file := write(t, dir, whole)
	return load(t, stack.Options{
		Files: []string{filepath.Join(dir, "base.yaml"), file}, ProjectName: "p", Environment: map[string]string{"A": "1", "B": "2"}, Profiles: []string{"x"},
	})
}
