package orchestrate_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// ordered is a user's file: no x-stackctl, and all three conditions.
const ordered = `
services:
  app:
    image: app
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_started}
  worker:
    image: app
    depends_on:
      db: {condition: service_healthy}
  db:
    image: db
    healthcheck: {test: [CMD, check]}
  migrate:
    image: app
    depends_on:
      db: {condition: service_healthy}
  cache: {image: cache}
`

func TestPlanFollowsDependsOn(t *testing.T) {
	w := newWorld(t, compose(t, ordered))
	wantPlan(t, w.plan(), `
 1 create network p_default: it does not exist
 2 create container p-cache-1: it does not exist
 3 start container p-cache-1: it does not exist (after 1, 2)
 4 create container p-db-1: it does not exist
 5 start container p-db-1: it does not exist (after 1, 4)
 6 create container p-migrate-1: it does not exist
 7 await container p-db-1: service "migrate" depends on it: service_healthy (after 5)
 8 start container p-migrate-1: it does not exist (after 1, 6, 7)
 9 create container p-app-1: it does not exist
10 await container p-migrate-1: service "app" depends on it: service_completed_successfully (after 8)
11 start container p-app-1: it does not exist (after 1, 3, 7, 9, 10)
12 create container p-worker-1: it does not exist
13 start container p-worker-1: it does not exist (after 1, 7, 12)`)
	w.Run("p-migrate-1", memory.Program{Ends: true})
	w.up()
	w.settled()

	w.Exit("p-app-1", 1)
	wantPlan(t, w.plan(), `
 1 await container p-db-1: service "app" depends on it: service_healthy
 2 await container p-migrate-1: service "app" depends on it: service_completed_successfully
 3 start container p-app-1: it is stopped (Exited (1) 3 seconds ago) (after 1, 2)`)
	w.up()
	w.settled()
}

func TestFailedDependencies(t *testing.T) {
	for _, test := range []struct {
		name, container string
		program         memory.Program
		want            string
	}{
		{"ends with an error", "p-migrate-1", memory.Program{Ends: true, Code: 3}, `awaiting container "p-migrate-1": dependency failed to start: container p-migrate-1 exited (3)`},
		{"unhealthy", "p-db-1", memory.Program{Health: "unhealthy"}, `awaiting container "p-db-1": dependency failed to start: container p-db-1 is unhealthy`},
		{"ends while it is to be healthy", "p-db-1", memory.Program{Ends: true}, `awaiting container "p-db-1": dependency failed to start: container p-db-1 exited (0)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, compose(t, ordered))
			w.Run(test.container, test.program)
			_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if state := w.State("p-app-1"); state != "created" {
				t.Errorf("app was started all the same: it is %s", state)
			}
			if state := w.State("p-cache-1"); state != "running" {
				t.Errorf("cache, which waits for nothing, is %s", state)
			}
		})
	}
}

func TestOptionalDependencyMayFail(t *testing.T) {
	w := newWorld(t, compose(t, `
services:
  app: {image: app, depends_on: {db: {condition: service_healthy, required: false}}}
  db: {image: db, healthcheck: {test: [CMD, check]}}
`))
	w.Run("p-db-1", memory.Program{Health: "unhealthy"})
	w.up()
	w.settled()
}

func TestDependencyWithoutHealthcheck(t *testing.T) {
	w := newWorld(t, compose(t, "services: {app: {image: app, depends_on: {db: {condition: service_healthy}}}, db: {image: db}}\n"))
	_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "p-db-1 has no healthcheck; give it one") {
		t.Error(err)
	}
}

func TestNameThatMovesToAnotherService(t *testing.T) {
	w := newWorld(t, compose(t, "services: {old: {image: a, container_name: fixed}}\n"))
	w.up()
	w.use(compose(t, "services: {new: {image: a, container_name: fixed}}\n"))
	_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
	want := `creating container "fixed": a container of that name exists and belongs to service "old" of this project; remove it with --remove-orphans or docker rm fixed`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	removing := planner.Options{Notice: notice, RemoveOrphans: true}
	wantPlan(t, w.plan(removing), `
 1 rename container fixed to fixed_ID: service "new" needs its name
 2 create container fixed: it does not exist (after 1)
 3 start container fixed: it does not exist (after 2)
 4 stop container fixed: service "old" is not in the Compose file (after 3)
 5 remove container fixed: service "old" is not in the Compose file (after 4)`)
	w.up(removing)
	w.settled()
}

func TestTwoNetworks(t *testing.T) {
	const file = "services: {a: {image: a, networks: [back, front]}, b: {image: b, networks: [back]}}\n"
	w := newWorld(t, compose(t, file+"networks: {back: {}, front: {}}\n"))
	wantPlan(t, w.plan(), `
 1 create network p_back: it does not exist
 2 create network p_front: it does not exist
 3 create container p-a-1: it does not exist
 4 connect container p-a-1 to p_front: it does not exist (after 2, 3)
 5 start container p-a-1: it does not exist (after 1, 3, 4)
 6 create container p-b-1: it does not exist
 7 start container p-b-1: it does not exist (after 1, 6)`)
	w.up()
	w.settled()
	for _, network := range []string{"p_back", "p_front"} {
		if w.Address("p-a-1", network) == "" {
			t.Errorf("a is not on %s", network)
		}
	}
	w.use(compose(t, file+"networks: {back: {internal: true}, front: {internal: true}}\n"))
	wantPlan(t, w.plan(), `
 1 stop container p-a-1: network "p_back" is recreated
 2 disconnect container p-a-1 from p_back: network "p_back" is recreated (after 1)
 3 stop container p-b-1: network "p_back" is recreated
 4 disconnect container p-b-1 from p_back: network "p_back" is recreated (after 3)
 5 remove network p_back: its configuration changed (after 2, 4)
 6 create network p_back: its configuration changed (after 5)
 7 disconnect container p-a-1 from p_front: network "p_front" is recreated (after 1)
 8 remove network p_front: its configuration changed (after 7)
 9 create network p_front: its configuration changed (after 8)
10 create container ID_p-a-1: network "back" is recreated: its configuration changed (after 6)
11 connect container ID_p-a-1 to p_front: network "back" is recreated: its configuration changed (after 9, 10)
12 start container ID_p-a-1: network "back" is recreated: its configuration changed (after 1, 6, 10, 11)
13 create container ID_p-b-1: network "back" is recreated: its configuration changed (after 6)
14 start container ID_p-b-1: network "back" is recreated: its configuration changed (after 3, 6, 13)
15 remove container p-a-1: network "back" is recreated: its configuration changed (after 12, 14)
16 remove container p-b-1: network "back" is recreated: its configuration changed (after 12, 14)
17 rename container ID_p-a-1 to p-a-1: the one that it replaced is gone (after 15)
18 rename container ID_p-b-1 to p-b-1: the one that it replaced is gone (after 16)`)
	w.up()
	w.settled()
}

func TestServiceJoinsNetworkThatChanges(t *testing.T) {
	w := newWorld(t, compose(t, "services: {a: {image: a, networks: [one]}, b: {image: b, networks: [two]}}\nnetworks: {one: {}, two: {}}\n"))
	w.up()
	w.use(compose(t, "services: {a: {image: a, networks: [two]}, b: {image: b, networks: [two]}}\nnetworks: {one: {}, two: {internal: true}}\n"))
	w.up()
	w.settled()
}

func TestFixedAddressOfTheComposeFile(t *testing.T) {
	w := newWorld(t, compose(t, `
services:
  a: {image: a, networks: {n: {ipv4_address: 10.44.0.9}, m: {ipv4_address: 10.45.0.77}}}
  b: {image: b, networks: [n]}
networks:
  n: {ipam: {config: [{subnet: 10.44.0.0/24}]}}
  m: {ipam: {config: [{subnet: 10.45.0.0/24}]}}
`))
	w.up()
	w.settled()
	if n, m := w.Address("p-a-1", "p_n"), w.Address("p-a-1", "p_m"); n != "10.44.0.9" || m != "10.45.0.77" {
		t.Errorf("a is at %s and %s", n, m)
	}
}

func TestReplicasKeepTheirAddresses(t *testing.T) {
	w := newWorld(t, embedded(t, "services: {web: {scale: 3}}"))
	w.up()
	before := w.addresses("web")
	w.use(embedded(t, "services: {web: {deploy: {replicas: 3}, mem_limit: 256m}}"))
	w.Exit("stackctl-web-2", 1)
	w.removeContainer("stackctl-web-3")
	w.Exit("stackctl-nginx-1", 0) // so that nothing has to be replaced while it serves
	w.up()
	w.settled()
	for i, address := range w.addresses("web")[:2] {
		if address != before[i] {
			t.Errorf("web-%d moved from %s to %s", i+1, before[i], address)
		}
	}
}

func TestConfigOfServiceThatDoesNotReload(t *testing.T) {
	file := func(content string) string {
		return "services: {a: {image: a, configs: [{source: c, target: /opt/app/etc/c.conf}]}}\nconfigs: {c: {content: '" + content + "'}}\n"
	}
	w := newWorld(t, compose(t, file("one")))
	w.up() // into a folder that the image lacks
	w.settled()
	w.use(compose(t, file("two")))
	replaced := `
 1 create container ID_p-a-1: file "/opt/app/etc/c.conf" changed
 2 write files ID_p-a-1:/opt/app/etc/c.conf: file "/opt/app/etc/c.conf" changed (after 1)
 3 stop container p-a-1: file "/opt/app/etc/c.conf" changed (after 2)
 4 start container ID_p-a-1: file "/opt/app/etc/c.conf" changed (after 2, 3)
 5 remove container p-a-1: file "/opt/app/etc/c.conf" changed (after 4)
 6 rename container ID_p-a-1 to p-a-1: the one that it replaced is gone (after 5)`
	wantPlan(t, w.plan(), replaced)
	w.Pause("p-a-1")
	wantPlan(t, w.plan(), replaced)
	w.up()
	w.settled()
}

// A front that names no signal gets nginx's: without one, each change of its upstreams would restart it.
func TestFrontWithoutReloadSignal(t *testing.T) {
	file := func(replicas string) string {
		return `
services:
  proxy: {image: a, x-stackctl: {upstreams: c}, configs: [{source: c, target: /etc/c.conf}]}
  web: {image: b, scale: ` + replicas + `}
configs: {c: {content: "upstream web {\n  server web:80;\n}\n"}}
`
	}
	w := newWorld(t, compose(t, file("1")))
	w.up()
	w.settled()
	w.use(compose(t, file("2")))
	w.up()
	w.settled()
	if read := w.Read("p-proxy-1", "/etc/c.conf"); strings.Count(read, "server 10.") != 2 {
		t.Errorf("the proxy read:\n%s", read)
	}
}

// A container that restarts over and over, because of its config perhaps, gets the new one without being signalled.
func TestConfigOfRestartingContainer(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.up()
	w.Restarting("stackctl-nginx-1", 4)
	w.use(withConf(t, "multi_accept on", "multi_accept off"))
	w.up()
	if !strings.Contains(w.File("stackctl-nginx-1", conf), "multi_accept off") {
		t.Error("the new config was not written")
	}
	w.settled()
}

// The address that a container was created with may be of a subnet that its network did not get after all.
func TestContainerCreatedForAnotherSubnet(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.failing("NetworkCreate", func() { w.tryUp() })
	w.createNetworkIn("other_default", w.plannedSubnet())
	w.up()
	w.settled()
}

func TestPortThatMovesToAnotherService(t *testing.T) {
	const moved = "services: {a: {image: a}, b: {image: b, ports: ['80:80']}}\n"
	w := newWorld(t, compose(t, "services: {a: {image: a, ports: ['127.0.0.1:80:80']}, b: {image: b}}\n"))
	w.up()
	w.use(compose(t, moved))
	w.up()
	w.settled()
	w.use(compose(t, "services: {a: {image: a, ports: ['127.0.0.1:80:80']}, b: {image: b}}\n"))
	w.up() // the port goes to a service that is planned before the one that has it
	w.settled()
	w.use(compose(t, "services: {c: {image: b, ports: ['80:80']}}\n"))
	removing := planner.Options{Notice: notice, RemoveOrphans: true}
	wantPlan(t, w.plan(removing), `
 1 create container p-c-1: it does not exist
 2 stop container p-a-1: service "c" needs its port or address
 3 start container p-c-1: it does not exist (after 1, 2)
 4 stop container p-b-1: service "b" is not in the Compose file (after 3)
 5 remove container p-a-1: service "a" is not in the Compose file (after 4)
 6 remove container p-b-1: service "b" is not in the Compose file (after 4)`)
	w.up(removing)
	w.settled()
}

func TestAddressThatMovesToAnotherService(t *testing.T) {
	file := func(a, b string) string {
		return `
services:
  a: {image: a, networks: {n: {ipv4_address: ` + a + `}}}
  b: {image: b, networks: {n: {ipv4_address: ` + b + `}}}
networks: {n: {ipam: {config: [{subnet: 10.44.0.0/24}]}}}
`
	}
	w := newWorld(t, compose(t, file("10.44.0.8", "10.44.0.9")))
	w.up()
	w.use(compose(t, file("10.44.0.9", "10.44.0.8")))
	w.up()
	w.settled()
}

const secretFile = `
services:
  a: {image: a, read_only: true, user: "7:8", secrets: [token, {source: key, target: /etc/keys/key, mode: 0440}]}
secrets: {token: {environment: TOKEN}, key: {environment: KEY}}
`

func TestSecretsAreFiles(t *testing.T) {
	with := func(token string) *stack.Stack {
		return load(t, stack.Options{
			Files: []string{write(t, t.TempDir(), secretFile)}, ProjectName: "p", Environment: map[string]string{"TOKEN": token, "KEY": "hunter1"},
		})
	}
	w := newWorld(t, with("hunter2"))
	w.up()
	if got := w.File("p-a-1", "/run/secrets/token") + w.File("p-a-1", "/etc/keys/key"); got != "hunter2hunter1" {
		t.Errorf("files: %q", got)
	}
	info, err := w.ContainerInspect(t.Context(), "p-a-1")
	w.check(err)
	if text := fmt.Sprintf("%+v %+v", info.Config, info.HostConfig); strings.Contains(text, "hunter") {
		t.Errorf("the container's settings have it: %s", text)
	}
	w.use(with("hunter3"))
	if plan := w.plan().String(); !strings.Contains(plan, `remove container p-a-1: file "/run/secrets/token" changed`) || strings.Contains(plan, "hunter") {
		t.Errorf("plan:\n%s", plan)
	}
	w.up()
	w.settled()
	read, err := stack.Read(t.Context(), stack.Options{Files: []string{write(t, t.TempDir(), secretFile)}, ProjectName: "p"})
	w.check(err)
	if _, err := read.Select(t.Context(), nil); err == nil || !strings.Contains(err.Error(), `reading secret "`) {
		t.Errorf("without the variable: %v", err)
	}
}

func TestUpdateConfigIsHonoured(t *testing.T) {
	file := func(update, env string) *stack.Stack {
		return embedded(t, "services: {web: {environment: {X: '"+env+"'}, deploy: {replicas: 3, update_config: "+update+"}}}")
	}
	for update, want := range map[string]string{
		"{parallelism: 2, delay: 5s}": "pause after web",
		"{order: stop-first}":         "remove container stackctl-web-1",
	} {
		w := newWorld(t, file(update, "1"))
		w.up()
		w.use(file(update, "2"))
		plan := w.plan().String()
		if !strings.Contains(plan, want) || strings.Contains(plan, "await container") != (want == "pause after web") {
			t.Errorf("%s:\n%s", update, plan)
		}
	}
}

func TestDependantsRestartWhereTheySaySo(t *testing.T) {
	file := func(env string) *stack.Stack {
		return compose(t, "services: {a: {image: a, environment: {X: '"+env+"'}}, b: {image: b, depends_on: {a: {condition: service_started, restart: true}}}, c: {image: c, depends_on: [a]}}")
	}
	w := newWorld(t, file("1"))
	w.up()
	w.use(file("2"))
	plan := w.plan().String()
	if !strings.Contains(plan, `start container p-b-1: service "a", on which it depends, is recreated`) || strings.Contains(plan, "p-c-1") {
		t.Errorf("plan:\n%s", plan)
	}
	w.up()
	w.settled()
}

// A front whose new configuration leads to a new service is not told of replaced replicas before that one is ready.
func TestANewServiceIsReadyBeforeItsFrontReloads(t *testing.T) {
	file := func(env, upstreams, services string) string {
		return `
services:
  proxy: {image: a, x-stackctl: {upstreams: c}, depends_on: [web], configs: [{source: c, target: /etc/c.conf}]}
  web: {image: b, scale: 2, environment: {A: "` + env + `"}}
` + services + `
configs: {c: {content: "upstream web {\n  server web:80;\n}\n` + upstreams + `"}}
`
	}
	w := newWorld(t, compose(t, file("1", "", "")))
	w.up()
	w.settled()
	w.use(compose(t, file("2", `upstream waf {\n  server waf:81;\n}\n`, "  waf: {image: b}")))
	plan := w.plan()
	var lines []string
	for line := range strings.Lines(plan.String()) {
		if strings.Contains(line, "p-waf-1") || strings.Contains(line, "reload container") {
			lines = append(lines, line)
		}
	}
	ready := regexp.MustCompile(`^ *(\d+) await container p-waf-1`)
	for i, line := range lines {
		if strings.Contains(line, "reload container") {
			if i == 0 || ready.FindStringSubmatch(lines[i-1]) == nil || !regexp.MustCompile(`after .*\b`+ready.FindStringSubmatch(lines[i-1])[1]+`\b`).MatchString(line) {
				t.Errorf("the first reload does not come after waf is ready:\n%s", plan)
			}
			break
		}
	}
	w.up()
	w.settled()
}
