package orchestrate_test

import (
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
)

const fromNothing = `
 1 create volume stackctl_redis-data: it does not exist
 2 create network stackctl_default: it does not exist
 3 create container stackctl-redis-1: it does not exist (after 1)
 4 write files stackctl-redis-1:/etc/redis/users.acl: it does not exist (after 3)
 5 start container stackctl-redis-1: it does not exist (after 2, 4)
 6 create container stackctl-web-1: it does not exist
 7 write files stackctl-web-1:/run/secrets/redis_web: it does not exist (after 6)
 8 start container stackctl-web-1: it does not exist (after 2, 7)
 9 create container stackctl-nginx-1: it does not exist
10 write files stackctl-nginx-1:/etc/nginx/live/nginx.conf: it does not exist (after 9)
11 start container stackctl-nginx-1: it does not exist (after 2, 10)
`

func TestPlanOfEmbeddedStack(t *testing.T) {
	const threeWebs = "services: {web: {scale: 3}}"
	recreate := planner.Options{Notice: notice, ForceRecreate: true}
	for _, test := range []struct {
		name    string
		before  func(t *testing.T, w *world) // what happened; nil is an up of the embedded stack
		options planner.Options
		want    string
		failed  string // what the engine must lack to carry the plan out: then it is not applied
	}{
		{name: "from nothing", before: func(*testing.T, *world) {}, want: fromNothing},
		{name: "nothing to do", want: ""},
		{
			name: "environment and limit changed",
			before: func(t *testing.T, w *world) {
				w.up()
				w.use(embedded(t, "services: {web: {environment: {REDIS_HOST: hunter2}, mem_limit: 256m}}"))
			},
			want: rolled(`environment.REDIS_HOST changed; mem_limit changed: "134217728" -> "268435456"`),
		},
		{
			name: "more fields changed than are shown",
			before: func(t *testing.T, w *world) {
				w.up()
				w.use(embedded(t, "services: {redis: {cpus: 2, hostname: db, init: true, pids_limit: 65, stop_signal: SIGINT}}"))
			},
			want: changed(`cpus changed: "1" -> "2"; hostname added: "db"; init added: "true"; and 2 more`),
		},
		{
			name: "image changed",
			before: func(_ *testing.T, w *world) {
				w.up()
				w.AddImage("stackctl-web", "sha256:newer")
				w.images["web"] = planner.Image{Ref: "stackctl-web", ID: "sha256:newer"}
			},
			want: rolled("image changed: stackctl-web (sha256:stackctl-web) -> stackctl-web (sha256:newer)"),
		},
		{
			name: "image still to be made",
			before: func(_ *testing.T, w *world) {
				w.up()
				w.images["web"] = planner.Image{Ref: "stackctl-web"}
			},
			want:   rolled(`image "stackctl-web" has to be pulled or built`),
			failed: "the image",
		},
		{
			name:   "stopped",
			before: func(_ *testing.T, w *world) { w.up(); w.Exit("stackctl-redis-1", 0); w.Exit("stackctl-web-1", 137) },
			want: `
 1 write files stackctl-redis-1:/etc/redis/users.acl: it is stopped (Exited (0) 3 seconds ago)
 2 start container stackctl-redis-1: it is stopped (Exited (0) 3 seconds ago) (after 1)
 3 write files stackctl-web-1:/run/secrets/redis_web: it is stopped (Exited (137) 3 seconds ago)
 4 start container stackctl-web-1: it is stopped (Exited (137) 3 seconds ago) (after 3)`,
		},
		{
			name:   "stopped front gets its config again",
			before: func(_ *testing.T, w *world) { w.up(); w.Exit("stackctl-nginx-1", 1) },
			want: `
 1 write files stackctl-nginx-1:/etc/nginx/live/nginx.conf: it is stopped (Exited (1) 3 seconds ago)
 2 start container stackctl-nginx-1: it is stopped (Exited (1) 3 seconds ago) (after 1)`,
		},
		{
			name:   "paused",
			before: func(_ *testing.T, w *world) { w.up(); w.Pause("stackctl-web-1") },
			want:   ` 1 unpause container stackctl-web-1: it is paused`,
		},
		{
			name: "paused with a changed config",
			before: func(t *testing.T, w *world) {
				w.up()
				w.Pause("stackctl-nginx-1")
				w.use(withConf(t, "multi_accept on", "multi_accept off"))
			},
			want: `
 1 unpause container stackctl-nginx-1: it is paused
 2 reload container stackctl-nginx-1: its content changed (after 1)`,
		},
		{
			name:   "dead",
			before: func(_ *testing.T, w *world) { w.up(); w.Die("stackctl-web-1") },
			want: `
 1 create container ID_stackctl-web-1: it is dead
 2 write files ID_stackctl-web-1:/run/secrets/redis_web: it is dead (after 1)
 3 start container ID_stackctl-web-1: it is dead (after 2)
 4 remove container stackctl-web-1: it is dead (after 3)
 5 rename container ID_stackctl-web-1 to stackctl-web-1: the one that it replaced is gone (after 4)`,
		},
		{
			name:   "renamed",
			before: func(_ *testing.T, w *world) { w.up(); w.Rename("stackctl-web-1", "0123_stackctl-web-1") },
			want: `
 1 create container ID_stackctl-web-1: its name is "0123_stackctl-web-1"
 2 write files ID_stackctl-web-1:/run/secrets/redis_web: its name is "0123_stackctl-web-1" (after 1)
 3 start container ID_stackctl-web-1: its name is "0123_stackctl-web-1" (after 2)
 4 await container ID_stackctl-web-1: requests go to it next (after 3)
 5 reload container stackctl-nginx-1: service "web" has new replicas (after 4)
 6 stop container 0123_stackctl-web-1: its name is "0123_stackctl-web-1" (after 4, 5)
 7 remove container 0123_stackctl-web-1: its name is "0123_stackctl-web-1" (after 6)
 8 rename container ID_stackctl-web-1 to stackctl-web-1: the one that it replaced is gone (after 6)`,
		},
		{
			name: "only the network is there",
			before: func(_ *testing.T, w *world) {
				w.up()
				for _, name := range []string{"nginx", "web", "redis"} {
					w.removeContainer("stackctl-" + name + "-1")
				}
				w.removeVolume("stackctl_redis-data")
			},
			want: `
 1 create volume stackctl_redis-data: it does not exist
 2 create container stackctl-redis-1: it does not exist (after 1)
 3 write files stackctl-redis-1:/etc/redis/users.acl: it does not exist (after 2)
 4 start container stackctl-redis-1: it does not exist (after 3)
 5 create container stackctl-web-1: it does not exist
 6 write files stackctl-web-1:/run/secrets/redis_web: it does not exist (after 5)
 7 start container stackctl-web-1: it does not exist (after 6)
 8 create container stackctl-nginx-1: it does not exist
 9 write files stackctl-nginx-1:/etc/nginx/live/nginx.conf: it does not exist (after 8)
10 start container stackctl-nginx-1: it does not exist (after 9)`,
		},
		{
			name: "created but never started",
			before: func(_ *testing.T, w *world) {
				w.failing("ContainerStart", func() { w.tryUp() })
			},
			want: `
 1 write files stackctl-redis-1:/etc/redis/users.acl: it was never started
 2 start container stackctl-redis-1: it was never started (after 1)
 3 write files stackctl-web-1:/run/secrets/redis_web: it was never started
 4 start container stackctl-web-1: it was never started (after 3)
 5 write files stackctl-nginx-1:/etc/nginx/live/nginx.conf: it was never started
 6 start container stackctl-nginx-1: it was never started (after 5)`,
		},
		{
			name: "containers without their network, one never started",
			before: func(_ *testing.T, w *world) {
				w.up()
				w.removeContainer("stackctl-nginx-1")
				w.failing("ContainerStart", func() { w.tryUp() })
				w.Exit("stackctl-web-1", 0)
				w.Exit("stackctl-redis-1", 0)
				w.removeNetwork("stackctl_default")
			},
			want: `
 1 create network stackctl_default: it does not exist
 2 create container ID_stackctl-redis-1: its network "stackctl_default" was removed
 3 write files ID_stackctl-redis-1:/etc/redis/users.acl: its network "stackctl_default" was removed (after 2)
 4 start container ID_stackctl-redis-1: its network "stackctl_default" was removed (after 1, 3)
 5 create container ID_stackctl-web-1: its network "stackctl_default" was removed
 6 write files ID_stackctl-web-1:/run/secrets/redis_web: its network "stackctl_default" was removed (after 5)
 7 start container ID_stackctl-web-1: its network "stackctl_default" was removed (after 1, 6)
 8 write files stackctl-nginx-1:/etc/nginx/live/nginx.conf: it was never started
 9 start container stackctl-nginx-1: it was never started (after 1, 8)
10 remove container stackctl-redis-1: its network "stackctl_default" was removed (after 4, 7, 9)
11 remove container stackctl-web-1: its network "stackctl_default" was removed (after 4, 7, 9)
12 rename container ID_stackctl-redis-1 to stackctl-redis-1: the one that it replaced is gone (after 10)
13 rename container ID_stackctl-web-1 to stackctl-web-1: the one that it replaced is gone (after 11)`,
		},
		{
			name:   "disconnected",
			before: func(_ *testing.T, w *world) { w.up(); w.Disconnect("stackctl-web-1", "stackctl_default") },
			// The address of the old one is free, so that the new one gets it.
			want: `
 1 create container ID_stackctl-web-1: it is not on network "stackctl_default"
 2 write files ID_stackctl-web-1:/run/secrets/redis_web: it is not on network "stackctl_default" (after 1)
 3 start container ID_stackctl-web-1: it is not on network "stackctl_default" (after 2)
 4 await container ID_stackctl-web-1: requests go to it next (after 3)
 5 stop container stackctl-web-1: it is not on network "stackctl_default" (after 4)
 6 remove container stackctl-web-1: it is not on network "stackctl_default" (after 5)
 7 rename container ID_stackctl-web-1 to stackctl-web-1: the one that it replaced is gone (after 6)`,
		},
		{
			name: "service gone",
			before: func(t *testing.T, w *world) {
				w.use(embedded(t, "services: {worker: {image: worker}}"))
				w.up()
				w.use(embedded(t))
			},
			want: `warning: containers of services that the Compose file does not have: stackctl-worker-1; --remove-orphans removes them`,
		},
		{
			name: "service gone, to be removed",
			before: func(t *testing.T, w *world) {
				w.use(embedded(t, "services: {worker: {image: worker}}"))
				w.up()
				w.use(embedded(t))
			},
			options: planner.Options{Notice: notice, RemoveOrphans: true},
			want: `
 1 stop container stackctl-worker-1: service "worker" is not in the Compose file
 2 remove container stackctl-worker-1: service "worker" is not in the Compose file (after 1)`,
		},
		{
			name:    "force recreate",
			options: recreate,
			want: `
 1 create container ID_stackctl-redis-1: --force-recreate
 2 write files ID_stackctl-redis-1:/etc/redis/users.acl: --force-recreate (after 1)
 3 stop container stackctl-redis-1: --force-recreate (after 2)
 4 start container ID_stackctl-redis-1: --force-recreate (after 2, 3)
 5 create container ID_stackctl-web-1: --force-recreate
 6 write files ID_stackctl-web-1:/run/secrets/redis_web: --force-recreate (after 5)
 7 stop container stackctl-web-1: --force-recreate (after 6)
 8 start container ID_stackctl-web-1: --force-recreate (after 6, 7)
 9 create container ID_stackctl-nginx-1: --force-recreate
10 write files ID_stackctl-nginx-1:/etc/nginx/live/nginx.conf: --force-recreate (after 9)
11 stop container stackctl-nginx-1: --force-recreate (after 10)
12 start container ID_stackctl-nginx-1: --force-recreate (after 10, 11)
13 remove container stackctl-redis-1: --force-recreate (after 4, 8, 12)
14 remove container stackctl-web-1: --force-recreate (after 4, 8, 12)
15 remove container stackctl-nginx-1: --force-recreate (after 4, 8, 12)
16 rename container ID_stackctl-redis-1 to stackctl-redis-1: the one that it replaced is gone (after 13)
17 rename container ID_stackctl-web-1 to stackctl-web-1: the one that it replaced is gone (after 14)
18 rename container ID_stackctl-nginx-1 to stackctl-nginx-1: the one that it replaced is gone (after 15)`,
		},
		{
			name:   "network changed",
			before: func(t *testing.T, w *world) { w.up(); w.use(embedded(t, "networks: {default: {internal: true}}")) },
			want: `
 1 stop container stackctl-nginx-1: network "stackctl_default" is recreated
 2 disconnect container stackctl-nginx-1 from stackctl_default: network "stackctl_default" is recreated (after 1)
 3 stop container stackctl-redis-1: network "stackctl_default" is recreated
 4 disconnect container stackctl-redis-1 from stackctl_default: network "stackctl_default" is recreated (after 3)
 5 stop container stackctl-web-1: network "stackctl_default" is recreated
 6 disconnect container stackctl-web-1 from stackctl_default: network "stackctl_default" is recreated (after 5)
 7 remove network stackctl_default: its configuration changed (after 2, 4, 6)
 8 create network stackctl_default: its configuration changed (after 7)
 9 create container ID_stackctl-redis-1: network "default" is recreated: its configuration changed (after 8)
10 write files ID_stackctl-redis-1:/etc/redis/users.acl: network "default" is recreated: its configuration changed (after 9)
11 start container ID_stackctl-redis-1: network "default" is recreated: its configuration changed (after 3, 8, 10)
12 create container ID_stackctl-web-1: network "default" is recreated: its configuration changed (after 8)
13 write files ID_stackctl-web-1:/run/secrets/redis_web: network "default" is recreated: its configuration changed (after 12)
14 start container ID_stackctl-web-1: network "default" is recreated: its configuration changed (after 5, 8, 13)
15 create container ID_stackctl-nginx-1: network "default" is recreated: its configuration changed (after 8)
16 write files ID_stackctl-nginx-1:/etc/nginx/live/nginx.conf: network "default" is recreated: its configuration changed (after 15)
17 start container ID_stackctl-nginx-1: network "default" is recreated: its configuration changed (after 1, 8, 16)
18 remove container stackctl-redis-1: network "default" is recreated: its configuration changed (after 11, 14, 17)
19 remove container stackctl-web-1: network "default" is recreated: its configuration changed (after 11, 14, 17)
20 remove container stackctl-nginx-1: network "default" is recreated: its configuration changed (after 11, 14, 17)
21 rename container ID_stackctl-redis-1 to stackctl-redis-1: the one that it replaced is gone (after 18)
22 rename container ID_stackctl-web-1 to stackctl-web-1: the one that it replaced is gone (after 19)
23 rename container ID_stackctl-nginx-1 to stackctl-nginx-1: the one that it replaced is gone (after 20)`,
		},
		{
			name:   "scaled up",
			before: func(t *testing.T, w *world) { w.up(); w.use(embedded(t, threeWebs)) },
			want: `
 1 create container stackctl-web-2: it does not exist
 2 write files stackctl-web-2:/run/secrets/redis_web: it does not exist (after 1)
 3 start container stackctl-web-2: it does not exist (after 2)
 4 create container stackctl-web-3: it does not exist
 5 write files stackctl-web-3:/run/secrets/redis_web: it does not exist (after 4)
 6 start container stackctl-web-3: it does not exist (after 5)
 7 await container stackctl-web-2: requests go to it next (after 3)
 8 await container stackctl-web-3: requests go to it next (after 6)
 9 reload container stackctl-nginx-1: its content changed (after 7, 8)`,
		},
		{
			name:   "scaled down: nginx forgets the leavers before they are stopped",
			before: func(t *testing.T, w *world) { w.use(embedded(t, threeWebs)); w.up(); w.use(embedded(t)) },
			want: `
 1 reload container stackctl-nginx-1: its content changed
 2 stop container stackctl-web-2: service "web" has 1 replicas (after 1)
 3 stop container stackctl-web-3: service "web" has 1 replicas (after 1)
 4 remove container stackctl-web-2: service "web" has 1 replicas (after 2, 3)
 5 remove container stackctl-web-3: service "web" has 1 replicas (after 2, 3)`,
		},
		{
			name: "config changed: reloaded, not recreated",
			before: func(t *testing.T, w *world) {
				w.up()
				w.use(withConf(t, "multi_accept on", "multi_accept off"))
			},
			want: `
 1 reload container stackctl-nginx-1: its content changed`,
		},
		{
			name:   "config changed by other hands",
			before: func(_ *testing.T, w *world) { w.up(); w.WriteFile("stackctl-nginx-1", conf, "# mine\n") },
			want: `
 1 reload container stackctl-nginx-1: its content changed`,
		},
		{
			name: "two containers with one number",
			before: func(_ *testing.T, w *world) {
				w.use(embedded(t, threeWebs))
				w.up()
				w.use(embedded(t))
				w.up()
				w.use(embedded(t, "services: {web: {scale: 2}}"))
				w.up()
				w.Rename("stackctl-web-2", "0123_stackctl-web-1")
				w.SetLabel("0123_stackctl-web-1", label.ContainerNumber, "1")
				w.use(embedded(t))
			},
			want: `
 1 reload container stackctl-nginx-1: its content changed
 2 stop container 0123_stackctl-web-1: service "web" has 1 replicas (after 1)
 3 remove container 0123_stackctl-web-1: service "web" has 1 replicas (after 2)`,
		},
		{
			name: "role changed",
			before: func(t *testing.T, w *world) {
				w.up()
				w.use(embedded(t, "x-stackctl: {store: {service: redis, port: 6380, via: web}}"))
			},
			want: replaced(`label dev.stackctl.store changed: "6379" -> "6380"`),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, embedded(t))
			if test.before == nil {
				w.up()
			} else {
				test.before(t, w)
			}
			wantPlan(t, w.plan(test.options), test.want)
			if test.failed != "" {
				return
			}
			w.up(test.options)
			w.settled()
		})
	}
}

// rolled is the plan that replaces the only web replica while it serves.
func rolled(cause string) string {
	return strings.ReplaceAll(`
 1 keep revision stackctl-web-revision-1: 'stackctl rollback' goes back to it
 2 create container ID_stackctl-web-1: CAUSE
 3 write files ID_stackctl-web-1:/run/secrets/redis_web: CAUSE (after 2)
 4 start container ID_stackctl-web-1: CAUSE (after 3)
 5 await container ID_stackctl-web-1: requests go to it next (after 4)
 6 reload container stackctl-nginx-1: service "web" has new replicas (after 5)
 7 stop container stackctl-web-1: CAUSE (after 5, 6)
 8 remove container stackctl-web-1: CAUSE (after 1, 7)
 9 rename container ID_stackctl-web-1 to stackctl-web-1: the one that it replaced is gone (after 8)`, "CAUSE", cause)
}

// changed is the plan that recreates Redis with another configuration.
func changed(cause string) string {
	return strings.ReplaceAll(`
 1 keep revision stackctl-redis-revision-1: 'stackctl rollback' goes back to it
 2 create container ID_stackctl-redis-1: CAUSE
 3 write files ID_stackctl-redis-1:/etc/redis/users.acl: CAUSE (after 2)
 4 stop container stackctl-redis-1: CAUSE (after 3)
 5 start container ID_stackctl-redis-1: CAUSE (after 3, 4)
 6 remove container stackctl-redis-1: CAUSE (after 1, 5)
 7 rename container ID_stackctl-redis-1 to stackctl-redis-1: the one that it replaced is gone (after 6)`, "CAUSE", cause)
}

// replaced is the plan that recreates one running container.
func replaced(cause string) string {
	return strings.ReplaceAll(`
 1 create container ID_stackctl-redis-1: CAUSE
 2 write files ID_stackctl-redis-1:/etc/redis/users.acl: CAUSE (after 1)
 3 stop container stackctl-redis-1: CAUSE (after 2)
 4 start container ID_stackctl-redis-1: CAUSE (after 2, 3)
 5 remove container stackctl-redis-1: CAUSE (after 4)
 6 rename container ID_stackctl-redis-1 to stackctl-redis-1: the one that it replaced is gone (after 5)`, "CAUSE", cause)
}

func TestPlanToZeroReplicas(t *testing.T) {
	w := newWorld(t, embedded(t, "services: {worker: {image: worker, deploy: {replicas: 2}}}"))
	w.up()
	w.use(embedded(t, "services: {worker: {image: worker, deploy: {replicas: 0}}}"))
	for _, orphans := range []bool{false, true} {
		wantPlan(t, w.plan(planner.Options{Notice: notice, RemoveOrphans: orphans}), `
 1 stop container stackctl-worker-1: service "worker" has 0 replicas
 2 stop container stackctl-worker-2: service "worker" has 0 replicas
 3 remove container stackctl-worker-1: service "worker" has 0 replicas (after 1, 2)
 4 remove container stackctl-worker-2: service "worker" has 0 replicas (after 1, 2)`)
	}
	w.up()
	w.settled()
}

func TestPlanShowsNoSecrets(t *testing.T) {
	w := newWorld(t, embedded(t, "services: {web: {environment: {TOKEN: hunter2}, labels: {key: hunter3}}}"))
	w.up()
	w.use(embedded(t, "services: {web: {environment: {TOKEN: hunter4}}}"))
	text := w.plan().String()
	if strings.Contains(text, "hunter") || !strings.Contains(text, "environment.TOKEN changed; labels.key changed") {
		t.Error(text)
	}
}

func TestPlanIsPure(t *testing.T) {
	w := newWorld(t, embedded(t))
	observed, err := observe.Project(t.Context(), w, projectName)
	if err != nil {
		t.Fatal(err)
	}
	taken := len(observed.Subnets)
	for range 2 {
		if _, err := planner.Up(w.stack, observed, w.images, planner.Options{Notice: notice}); err != nil {
			t.Fatal(err)
		}
	}
	if len(observed.Subnets) != taken {
		t.Errorf("planning changed the snapshot: %v", observed.Subnets)
	}
	w.Forget()
	w.plan()
	for _, call := range w.Calls() {
		if !strings.HasSuffix(call.Method, "List") && call.Method != "ContainerStatPath" && call.Method != "Events" {
			t.Errorf("planning called %s", call.Method)
		}
	}
}

func TestSelectedServicesLeaveTheOthersAlone(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.up()
	selected, err := embedded(t, "services: {web: {mem_limit: 256m}, nginx: {mem_limit: 256m}}").Select(t.Context(), []string{"web"})
	if err != nil {
		t.Fatal(err)
	}
	w.use(selected)
	wantPlan(t, w.plan(planner.Options{Notice: notice, RemoveOrphans: true}), rolled(`mem_limit changed: "134217728" -> "268435456"`))
}

func TestForeignObjectsAreLeftUntouched(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(w *world)
		want   string
	}{
		{
			"container of nobody", func(w *world) { w.foreign("stackctl-web-1", "") },
			`creating container "stackctl-web-1": a container of that name exists and belongs to no project; it was left untouched: rename or remove it (docker rm stackctl-web-1), or use another --project-name`,
		},
		{
			"container of another project", func(w *world) { w.foreign("stackctl-web-1", "shop") },
			`creating container "stackctl-web-1": a container of that name exists and belongs to project "shop"`,
		},
		{
			"container with the new name of one that is to be replaced", func(w *world) {
				w.up()
				w.Rename("stackctl-web-1", "old")
				w.foreign("stackctl-web-1", "shop")
			},
			`creating container "stackctl-web-1": a container of that name exists and belongs to project "shop"`,
		},
		{
			"network", func(w *world) { w.createNetwork("stackctl_default", nil) },
			`creating network "stackctl_default": a network of that name exists and belongs to no project; it was left untouched`,
		},
		{
			"network of another project", func(w *world) {
				w.createNetwork("stackctl_default", map[string]string{label.Project: "shop"})
			},
			`creating network "stackctl_default": a network of that name exists and belongs to project "shop"`,
		},
		{
			"volume", func(w *world) { w.createVolume("stackctl_redis-data", nil) },
			`creating volume "stackctl_redis-data": a volume of that name exists and belongs to no project; it was left untouched`,
		},
		{
			"volume of another project", func(w *world) {
				w.createVolume("stackctl_redis-data", map[string]string{label.Project: "shop"})
			},
			`belongs to project "shop"; it was left untouched: rename it in the Compose file, or declare it ` + "`external: true`",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, embedded(t))
			test.before(w)
			before := w.Dump()
			plan, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice, ForceRecreate: true}, nil, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant ...%s", err, test.want)
			}
			if plan != nil && !plan.Empty() {
				t.Errorf("planned all the same:\n%s", plan)
			}
			if after := w.Dump(); after != before {
				t.Errorf("was:\n%sis:\n%s", before, after)
			}
		})
	}
}

func TestPortOfAnotherContainer(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.foreign("other", "shop", "127.0.0.1:5002")
	before := w.Dump()
	_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
	want := `publishing 127.0.0.1:5002: the port is in use by container "other" of project "shop"; stop that, or choose another port with --port`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if after := w.Dump(); after != before {
		t.Errorf("was:\n%sis:\n%s", before, after)
	}
}

func TestChangedVolumeIsNotThrownAway(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.up()
	w.use(embedded(t, "volumes: {redis-data: {driver_opts: {type: tmpfs}}}"))
	_, _, err := orchestrate.Prepare(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice})
	if err == nil || !strings.Contains(err.Error(), `changing volume "stackctl_redis-data"`) || !strings.Contains(err.Error(), "would lose its data") {
		t.Error(err)
	}
}

func TestExternalObjects(t *testing.T) {
	const file = "services: {a: {image: a, networks: [n], volumes: ['vol:/data']}}\n"
	for _, test := range []struct{ name, compose, want string }{
		{"network", file + "networks: {n: {external: true, name: office}}\nvolumes: {vol: {}}\n", "finding external network \"office\": it does not exist; create it with `docker network create office`"},
		{"volume", file + "networks: {n: {}}\nvolumes: {vol: {external: true, name: archive}}\n", "finding external volume \"archive\": it does not exist; create it with `docker volume create archive`"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, compose(t, test.compose))
			if _, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			w.createNetwork("office", nil)
			w.createVolume("archive", nil)
			w.up()
			w.settled()
			w.down(planner.DownOptions{Volumes: true})
			if left := w.Dump(); !strings.Contains(left, "network office") || !strings.Contains(left, "volume archive") || strings.Contains(left, "container") {
				t.Errorf("left:\n%s", left)
			}
		})
	}
}
