package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/loadtest"
	"stackctl.dev/stackctl/internal/prometheus"
)

// needMonitoring skips a test where no images of the feature can be made.
func needMonitoring(t *testing.T) {
	t.Helper()
	needEngine(t)
	for _, program := range []string{"prometheus", "prometheus-nginx-exporter", "prometheus-redis-exporter", "prometheus-alertmanager"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(hostRoot(), "usr", "bin", program)); err != nil {
			t.Skipf("there is no program %q: run `scripts/host-programs --with monitoring`", program)
		}
	}
}

// monitored is a stack with monitoring, and a client of its Prometheus.
type monitored struct {
	project, port string
	prometheus    *prometheus.Client
}

func monitoredStack(t *testing.T, name string, args ...string) *monitored {
	t.Helper()
	project := ownProject(name)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanUp(t, project) })
	must(t, project, port, append([]string{"up", "--with", "monitoring"}, args...)...)
	client := prometheus.Reach(connected(t), project)
	t.Cleanup(client.Close)
	return &monitored{project, port, client}
}

// until asks Prometheus until a query has one value that is as wanted, and returns how long that took.
func (m *monitored) until(t *testing.T, limit time.Duration, query string, want func(float64) bool) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := m.prometheus.Instant(t.Context(), query, time.Now())
		if err == nil && len(found) == 1 && want(float64(found[0].Value)) {
			return time.Since(begin)
		}
		if time.Since(begin) > limit {
			all, _ := m.prometheus.Instant(t.Context(), "up", time.Now())
			t.Fatalf("after %s, %s is %v, %v; up is\n%v", limit, query, found, err, all)
		}
		<-tick.C
	}
}

func is(want float64) func(float64) bool { return func(got float64) bool { return got == want } }

// From nothing, each target gives metrics; replicas come and go without a reload; an alert fires while one is away; nothing is published;
// the exporter has its password after a rotation; the metrics survive down.
func TestMonitoring(t *testing.T) {
	needMonitoring(t)
	t.Parallel()
	m := monitoredStack(t, "monitoring")
	t.Logf("all targets answer after %s", m.until(t, time.Minute, "count(up == 1)", is(6)).Round(time.Millisecond))
	if out := must(t, m.project, m.port, "up"); !strings.Contains(out, "nothing changed") {
		t.Errorf("a second up changes something:\n%s", out)
	}
	if out := must(t, m.project, m.port, "alerts"); strings.Contains(out, prometheus.Firing) { // else it fails
		t.Errorf("alerts says\n%s", out)
	}
	for _, c := range look(t, m.project).Containers {
		details, err := connected(t).ContainerInspect(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(details.HostConfig.PortBindings) > 0 && c.Service != "nginx" {
			t.Errorf("%s is published: %v", c.Name, details.HostConfig.PortBindings)
		}
		for _, mount := range details.Mounts {
			if strings.Contains(mount.Source, "docker.sock") {
				t.Errorf("%s has the engine's socket", c.Name)
			}
		}
	}

	for range 20 {
		response, err := http.Get("http://127.0.0.1:" + m.port + "/count")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	m.until(t, 20*time.Second, `stackctl_edge_requests_total{tier="web",code="200"}`, func(n float64) bool { return n >= 20 })
	m.until(t, 20*time.Second, `sum(increase(redis_commands_processed_total[1m]))`, func(n float64) bool { return n > 0 })
	m.until(t, 20*time.Second, `nginx_http_requests_total`, func(n float64) bool { return n >= 20 })

	must(t, m.project, m.port, "scale", "web=3")
	t.Logf("replicas are there after %s", m.until(t, 15*time.Second, `count(up{job="web"} == 1)`, is(3)).Round(time.Millisecond))
	m.until(t, 15*time.Second, `stackctl_replicas_wanted{service="web"}`, is(3))

	must(t, m.project, m.port, "rotate")
	time.Sleep(6 * time.Second) // a scrape later
	m.until(t, 20*time.Second, "redis_up", is(1))

	eng := connected(t)
	name := m.project + "-web-2"
	if out, err := exec.CommandContext(t.Context(), "docker", "stop", "-t", "0", name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("the alert fires after %s", m.until(t, 90*time.Second, `ALERTS{alertname="ReplicaDown",alertstate="firing"}`, is(1)).Round(time.Millisecond))
	cmd := program(t.Context(), t, m.project, m.port, "alerts", "--format", "json")
	out, err := cmd.Output()
	if failed := new(exec.ExitError); !errors.As(err, &failed) || failed.ExitCode() != 2 || !strings.Contains(string(out), `"name":"ReplicaDown","state":"firing","severity":"critical"`) {
		t.Errorf("alerts: %v\n%s", err, out)
	}
	must(t, m.project, m.port, "up")
	m.until(t, 30*time.Second, `count(up{job="web"} == 1)`, is(3))
	m.until(t, 30*time.Second, `count(ALERTS{alertname="ReplicaDown"}) or vector(0)`, is(0))

	must(t, m.project, m.port, "rollout", "edge", "--env", "A=1")
	m.until(t, 20*time.Second, `count(up{job="edge"} == 1)`, is(1))
	response, err := http.Get("http://127.0.0.1:" + m.port + "/count")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	m.until(t, 20*time.Second, `sum(stackctl_edge_requests_total{tier="web",code="200"} > 0)`, func(n float64) bool { return n >= 1 }) // of the new one

	must(t, m.project, m.port, "down")
	if _, err := eng.VolumeInspect(t.Context(), m.project+"_prometheus-data"); err != nil {
		t.Errorf("the metrics did not survive down: %v", err)
	}
	cmd = program(t.Context(), t, m.project, m.port, "alerts")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "up --with monitoring") {
		t.Errorf("alerts without monitoring: %v\n%s", err, out)
	}
}

// Monitoring is turned on and off, and its tier replaced, without a failed request.
func TestMonitoringUnderLoad(t *testing.T) {
	needMonitoring(t)
	project := ownProject("monitoring-load")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanUp(t, project) })
	must(t, project, port, "up", "--scale", "web=2")
	for _, args := range [][]string{
		{"up", "--with", "monitoring"}, {"up", "--with", "waf"}, {"rollout", "edge", "--env", "A=1"}, {"rollout", "web", "--env", "A=1"}, {"restart", "edge"}, {"up", "--without", "monitoring,waf"},
	} {
		load := loadtest.Start(t.Context(), loadtest.Target{URL: "http://127.0.0.1:" + port + "/count", Rate: 100})
		must(t, project, port, args...)
		report := load.Stop(t.Context())
		t.Logf("%v: %d requests, the slowest in %s, %d repeated", args, report.All.Requests, report.All.Max.Round(time.Millisecond), report.All.Repeated)
		if report.All.Failed > 0 || report.All.Requests == 0 {
			t.Errorf("%v: of %d requests %d failed: %v", args, report.All.Requests, report.All.Failed, report.All.Reasons)
		}
	}
}

// Alerts are sent to the URL in a file, which nothing shows.
func TestAlertsAreSent(t *testing.T) {
	needMonitoring(t)
	t.Parallel()
	eng := connected(t)
	got := make(chan string, 100)
	// The gateway of the project's network is this machine.
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		select {
		case got <- r.URL.Path + " " + string(body):
		default:
		}
	}))
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "webhook")
	const token = "T0-secret-token"
	write := func(host string) {
		t.Helper()
		text := fmt.Sprintf("http://%s:%d/%s\n", host, listener.Addr().(*net.TCPAddr).Port, token)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("192.0.2.1")
	m := monitoredStack(t, "webhook", "--alert-webhook", file)
	containers := look(t, m.project).Containers
	details, err := eng.ContainerInspect(t.Context(), containers[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range details.NetworkSettings.Networks {
		write(network.Gateway)
	}
	must(t, m.project, m.port, "up") // the file is read again
	m.until(t, time.Minute, "count(up == 1)", is(7))
	if out, err := exec.CommandContext(t.Context(), "docker", "stop", "-t", "0", m.project+"-web-1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	limit := time.After(2 * time.Minute)
	for {
		select {
		case body := <-got:
			if strings.HasPrefix(body, "/"+token+" ") && strings.Contains(body, `"alertname":"ReplicaDown"`) && strings.Contains(body, `"status":"firing"`) {
				must(t, m.project, m.port, "up")
				shown(t, m, token)
				must(t, m.project, m.port, "up", "--alert-webhook", "")
				if len(look(t, m.project).Of("alertmanager")) > 0 {
					t.Error("alertmanager is there after it was turned off")
				}
				return
			}
		case <-limit:
			t.Fatal("no alert was sent")
		}
	}
}

// shown fails if one of the containers, kept ones too, or a command shows the text.
func shown(t *testing.T, m *monitored, text string) {
	t.Helper()
	for _, args := range [][]string{{"config"}, {"history"}, {"logs"}, {"features"}} {
		if out := must(t, m.project, m.port, args...); strings.Contains(out, text) {
			t.Errorf("%v shows the token", args)
		}
	}
	ids, err := exec.CommandContext(t.Context(), "docker", "ps", "-aq", "--filter", "name="+m.project).Output()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "docker", append([]string{"inspect"}, strings.Fields(string(ids))...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), text) {
		t.Error("docker inspect shows the token")
	}
}
