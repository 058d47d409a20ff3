package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"stackctl.dev/stackctl/internal/orchestrate/enginetest"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/stack"
)

// talks is a server that sends a text to every client.
func talks(t *testing.T, talk func(net.Conn)) dialer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1024))
			talk(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	}
}

func says(text string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
}

// silent waits for the other end to go.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// What the front does instead of responding is reported, and bounded.
func TestFrontsThatDoNotAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		talk func(net.Conn)
		want string
	}{
		"it refuses":   {says("HTTP/1.1 400 Bad Request\r\n\r\n"), "ok hop host -> f: answers 400 Bad Request"},
		"it is silent": {silent, "broken hop host -> f: it accepts the connection but does not answer: read tcp"},
		"it hangs up":  {func(net.Conn) {}, "broken hop host -> f: it accepts the connection but does not answer"},
		"no HTTP":      {says("SSH-2.0-\x1b]0;x\a\r\n"), `does not answer in HTTP: "SSH-2.0-\x1b]0;x\a\r\n"; ` + "`stackctl logs f` may say why"},
		"half a line":  {says("HTTP/1.1 4"), `does not answer in HTTP: "HTTP/1.1 4"`},
		"no end": {func(conn net.Conn) {
			for text := strings.Repeat("x", 64<<10); ; {
				if _, err := io.WriteString(conn, text); err != nil {
					return
				}
			}
		}, `does not answer in HTTP: "` + strings.Repeat("x", 40) + `"; `},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			compare(t, line(checkFront(ctx, "f", talks(t, tt.talk))), tt.want)
		})
	}
	nobody := func(context.Context) (net.Conn, error) { return nil, errors.New("connection refused") }
	compare(t, line(checkFront(t.Context(), "f", nobody)), "broken hop host -> f: connection refused; `stackctl logs f`")
}

// A request through every tier fails in the words of the tier that fails it.
func TestRequestsThatFail(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		path   string
		want   string
	}{
		"it works": {func(http.ResponseWriter, *http.Request) {}, "/ok", "ok all: GET /ok answers 200"},
		"not ready": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "redis is away", http.StatusServiceUnavailable)
		}, "/ok", "broken all: GET /ok answers 503 redis is away; `stackctl logs"},
		"sent elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		}, "/ok", "broken all: GET /ok answers 302"},
		"a long page": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("x", 1<<20), http.StatusBadGateway)
		}, "/ok", "answers 502 " + strings.Repeat("x", 200) + ";"},
		"hung up": {enginetest.HangUp, "/ok", "EOF"},
		"a hang":  {enginetest.Hang, "/ok", "no answer within 200ms: Get \"http://localhost/ok\": context deadline exceeded"},
		"no path": {enginetest.Hang, "@example.com/", "it must begin with /"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			dial := func(ctx context.Context) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
			}
			limit := 10 * time.Second
			if name == "a hang" {
				limit = 200 * time.Millisecond
			}
			checks := limited(t.Context(), limit, func(ctx context.Context) []Check { return []Check{checkHTTP(ctx, "all", "http", tt.path, dial)} })
			compare(t, line(checks[0]), tt.want)
		})
	}
}

// through joins a tunnel to a server of this machine.
func through(address string) http.HandlerFunc {
	return enginetest.Upgrade(func(conn net.Conn, in io.Reader) {
		far, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer far.Close()
		go func() {
			_, _ = io.Copy(far, in)
			_ = far.Close()
		}()
		for buf := make([]byte, 4096); ; {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, enginetest.Frame(stdcopy.Stdout, string(buf[:n])))
		}
	})
}

// running is a stack of three tiers, and the engine that it runs on, but for the calls that are answered otherwise. An exec's ID is
// the host that its tunnel is for.
func running(t *testing.T, otherwise enginetest.API) (*stack.Stack, enginetest.API) {
	t.Helper()
	tier := httptest.NewServer(http.NotFoundHandler())
	front := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(func() { tier.Close(); front.Close() })
	address := front.Listener.Addr().(*net.TCPAddr)
	s := load(t, fmt.Sprintf(`
x-stackctl: {ready: {service: front, port: 80, path: /ok}, store: {service: redis, port: 6379, via: web}}
services:
  front: {image: x, ports: ["127.0.0.1:%d:80"], configs: [conf], x-stackctl: {upstreams: conf}}
  web: {image: x, expose: ["53/udp", "8000-8005"]}
  redis: {image: x}
configs:
  conf:
    content: |
      upstream web {
          server web:8000;
      }
`, address.Port))
	var list []container.Summary
	for _, service := range s.Project.ServiceNames() {
		list = append(list, container.Summary{
			ID: service, Names: []string{"/p-" + service + "-1"}, State: "running", Status: "Up 3 minutes",
			Labels: map[string]string{label.Project: "p", label.Service: service},
		})
	}
	list[0].Ports = []container.Port{{IP: "127.0.0.1", PrivatePort: 80, PublicPort: uint16(address.Port), Type: "tcp"}}
	list[1].Labels[label.StorePort] = "6379"
	list[2].Labels[label.Tunnel] = "true"
	calls := healthy(t, enginetest.API{
		"GET /containers/json": enginetest.Document(list),
		"POST /containers/web/exec": func(w http.ResponseWriter, r *http.Request) {
			var body container.ExecOptions
			_ = json.NewDecoder(r.Body).Decode(&body)
			id := "names"
			if host, _, err := net.SplitHostPort(body.Cmd[len(body.Cmd)-1]); err == nil {
				id = host
			}
			enginetest.Document(map[string]string{"Id": id})(w, r)
		},
		"POST /exec/web/start":   through(tier.Listener.Addr().String()),
		"POST /exec/redis/start": through(miniredis.RunT(t).Addr()),
		"POST /exec/names/start": enginetest.Prints(enginetest.Frame(stdcopy.Stdout, "front 10.0.0.2\nredis 10.0.0.3\n")),
		"GET /exec/names/json":   enginetest.Document(container.ExecInspect{ExecID: "names"}),
	})
	for call, answer := range otherwise {
		calls[call] = answer
	}
	return s, calls
}

// A running stack is checked hop by hop, and a broken hop is reported while the others are fine.
func TestHopsThatFail(t *testing.T) {
	protected, loading := miniredis.RunT(t), miniredis.RunT(t)
	protected.RequireAuth("secret")
	loading.SetError("LOADING Redis is loading the dataset in memory")
	for name, tt := range map[string]struct {
		calls enginetest.API
		want  string // of the one that is broken, "" for none
	}{
		"all is well":           {nil, ""},
		"the upstream is away":  {enginetest.API{"POST /exec/web/start": enginetest.Prints(enginetest.Frame(stdcopy.Stderr, "tunnel: connection refused\n"))}, "tunnel: connection refused; `stackctl logs web` may say why"},
		"Redis is away":         {enginetest.API{"POST /exec/redis/start": enginetest.Prints(enginetest.Frame(stdcopy.Stderr, "tunnel: lookup redis: no such host\n"))}, "broken hop web -> redis: tunnel: lookup redis: no such host; `stackctl logs redis` may say why"},
		"Redis has a password":  {enginetest.API{"POST /exec/redis/start": through(protected.Addr())}, "broken hop web -> redis: NOAUTH"},
		"Redis loads":           {enginetest.API{"POST /exec/redis/start": through(loading.Addr())}, "broken hop web -> redis: LOADING Redis is loading"},
		"no Redis at all":       {enginetest.API{"POST /exec/redis/start": enginetest.Prints(enginetest.Frame(stdcopy.Stdout, "HTTP/1.1 400 Bad Request\r\n\r\n"))}, "broken hop web -> redis: "},
		"a name is not known":   {enginetest.API{"POST /exec/names/start": enginetest.Prints(enginetest.Frame(stdcopy.Stderr, "lookup redis: no such host\n")), "GET /exec/names/json": enginetest.Document(container.ExecInspect{ExecID: "names", ExitCode: 1})}, "broken names of the services: resolving names in container \"p-web-1\": lookup redis: no such host; `stackctl up` repairs"},
		"its end is not known":  {enginetest.API{"GET /exec/names/json": enginetest.Says(http.StatusNotFound, "No such exec instance")}, "broken names of the services: reading the exit code"},
		"the tunnel is refused": {enginetest.API{"POST /exec/redis/start": enginetest.Says(http.StatusConflict, "x")}, "broken hop web -> redis: opening the tunnel in container \"web\""},
	} {
		t.Run(name, func(t *testing.T) {
			s, calls := running(t, tt.calls)
			report, broken, err := examine(t.Context(), s, enginetest.Serve(t, calls))
			if err != nil || broken != strings.Count(report, "broken ") || (broken != 0) != (tt.want != "") || broken > 1 {
				t.Errorf("%d are broken, %v:\n%s", broken, err, report)
			}
			compare(t, report, tt.want, "ok container p-web-1: Up 3 minutes", "ok hop host -> front: answers 400 Bad Request", "ok hop through every tier: GET /ok answers 200")
			if tt.want == "" {
				compare(t, report, "ok hop to web:8000: GET / answers 404", "ok hop web -> redis: PING answers", "ok names of the services: front 10.0.0.2, redis 10.0.0.3")
			}
		})
	}
}

// Where no container carries stackctl, what is asked through one is not held to be broken by that.
func TestHopsWithoutATunnel(t *testing.T) {
	s, calls := running(t, enginetest.API{"POST /containers/create": enginetest.Says(http.StatusNotFound, "No such image: stackctl-web:latest")})
	calls["GET /containers/json"] = enginetest.Document([]container.Summary{{
		ID: "redis", Names: []string{"/p-redis-1"}, State: "exited", Status: "Exited (1) now",
		Labels: map[string]string{label.Project: "p", label.Service: "redis", label.StorePort: "6379"},
	}})
	report, _, err := examine(t.Context(), s, enginetest.Serve(t, calls))
	if err != nil {
		t.Error(err)
	}
	compare(t, report,
		"broken container p-redis-1: Exited (1) now; `stackctl logs redis` says why",
		"note service web: it has no container", "the project has no network; start it with `stackctl up`",
		"broken hop web -> redis: reaching Redis of project \"p\": container p-redis-1 is exited",
		"note names of the services: not checked: no running container carries stackctl")
}
