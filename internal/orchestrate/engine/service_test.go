package engine

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/orchestrate/enginetest"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// replica is a container as the engine lists it; labels are pairs.
func replica(service, state string, networks []string, labels ...string) container.Summary {
	c := container.Summary{
		ID: service + "-id", Names: []string{"/p-" + service + "-1"}, ImageID: "image-of-" + service, State: state,
		Labels:          map[string]string{label.Project: "p", label.Service: service},
		NetworkSettings: &container.NetworkSettingsSummary{Networks: map[string]*network.EndpointSettings{}},
	}
	for i := 0; i < len(labels); i += 2 {
		c.Labels[labels[i]] = labels[i+1]
	}
	for _, name := range networks {
		c.NetworkSettings.Networks[name] = &network.EndpointSettings{}
	}
	return c
}

var (
	theNet = []string{"p_default"}
	redis  = replica("redis", "running", theNet, label.StorePort, "6379")
	web    = replica("web", "running", theNet, label.Tunnel, "true")
)

const (
	listContainers = "GET /containers/json"
	createExec     = "POST /containers/web-id/exec"
	startExec      = "POST /exec/x/start"
	inspectExec    = "GET /exec/x/json"
)

func TestWhyTheStoreIsNotReached(t *testing.T) {
	stopped := redis
	stopped.State = "exited"
	for name, tt := range map[string]struct {
		list http.HandlerFunc
		want string
	}{
		"no containers":    {enginetest.Document([]container.Summary{}), "the project has no containers; start it with `stackctl up`"},
		"no store":         {enginetest.Document([]container.Summary{web}), "none of its containers is marked as its store; set x-stackctl.store"},
		"it has stopped":   {enginetest.Document([]container.Summary{web, stopped}), "container p-redis-1 is exited; start it with `stackctl up`; `stackctl logs redis`"},
		"the engine fails": {enginetest.Says(http.StatusInternalServerError, "no space left on device"), "listing containers: Error response from daemon: no space left on device"},
	} {
		e := oddEngine(t, enginetest.API{listContainers: tt.list}.ServeHTTP)
		if _, err := e.StoreAddress(t.Context(), "p"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := oddEngine(t, enginetest.API{listContainers: enginetest.Document([]container.Summary{web, redis})}.ServeHTTP)
	if address, err := e.StoreAddress(t.Context(), "p"); address != "redis:6379" || err != nil {
		t.Errorf("%q, %v", address, err)
	}
}

// tunnels is an engine whose container web carries stackctl, and what its tunnel does.
func tunnels(t *testing.T, tunnel http.HandlerFunc, limit ...time.Duration) *Engine {
	return oddEngine(t, enginetest.API{
		listContainers: enginetest.Document([]container.Summary{web, redis}),
		createExec:     enginetest.Document(map[string]string{"Id": "x"}),
		startExec:      tunnel,
	}.ServeHTTP, limit...)
}

// A tunnel that breaks says why: in its own words, or in those of the engine.
func TestTunnelsThatBreak(t *testing.T) {
	for name, tt := range map[string]struct {
		tunnel http.HandlerFunc
		want   string
	}{
		"no such service":      {enginetest.Prints(enginetest.Frame(stdcopy.Stderr, "tunnel: lookup redis: no such host\n")), "tunnel: lookup redis: no such host"},
		"words without end":    {enginetest.Prints(enginetest.Frame(stdcopy.Stderr, strings.Repeat("x", 100<<10))), strings.Repeat("x", tailSize)},
		"the engine's words":   {enginetest.Prints(enginetest.Frame(stdcopy.Systemerr, "container is gone")), "reading from the tunnel to redis:6379: error from daemon in stream: container is gone"},
		"no frames":            {enginetest.Prints("<html>502 Bad Gateway</html>"), "reading from the tunnel to redis:6379: Unrecognized input header: 60"},
		"half a frame":         {enginetest.Prints(enginetest.Frame(stdcopy.Stdout, "+PONG\r\n")[:10]), "EOF"},
		"no upgrade":           {enginetest.Says(http.StatusConflict, "Container web is paused"), "unable to upgrade to tcp, received 409"},
		"an end before it was": {enginetest.HangUp, "opening the tunnel in container \"web-id\""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := tunnels(t, tt.tunnel).DialService(t.Context(), "p", "redis:6379")
			if err == nil {
				defer conn.Close()
				_, err = io.ReadAll(readsEOF{conn})
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > tailSize+100 {
				t.Errorf("%.300v", err)
			}
		})
	}
}

// readsEOF makes an error of the end.
type readsEOF struct{ io.Reader }

func (r readsEOF) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("EOF")
	}
	return n, err
}

// A tunnel is a connection: its deadlines hold, it goes on after one, and its end frees whoever reads.
func TestTunnelIsAConnection(t *testing.T) {
	conn, err := tunnels(t, enginetest.Upgrade(enginetest.Echo)).DialService(t.Context(), "p", "redis:6379")
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.LocalAddr().Network() + " " + conn.RemoteAddr().String(); got != "tunnel redis:6379" {
		t.Error(got)
	}
	buf := make([]byte, 16)
	_ = conn.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := conn.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read in time of silence: %v", err)
	}
	_ = conn.SetDeadline(time.Time{})
	if _, err := io.WriteString(conn, "PING\n"); err != nil {
		t.Error(err)
	}
	if n, err := conn.Read(buf); string(buf[:n]) != "PING\n" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
	ended := make(chan error)
	go func() {
		_, err := conn.Read(buf)
		ended <- err
	}()
	_ = conn.Close()
	if err := <-ended; err == nil {
		t.Error("a read after the end got something")
	}
	if err := conn.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// Without a running container that carries stackctl, one is made for the tunnel. It goes whatever comes of it.
func TestOneOffTunnels(t *testing.T) {
	const create, attach, start, remove = "POST /containers/create", "POST /containers/one/attach", "POST /containers/one/start", "DELETE /containers/one"
	stopped := web
	stopped.State, stopped.NetworkSettings = "exited", &container.NetworkSettingsSummary{Networks: map[string]*network.EndpointSettings{"p_front": {}, "p_a": {}}}
	created, empty := enginetest.Document(map[string]string{"Id": "one"}), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for name, tt := range map[string]struct {
		list  []container.Summary
		calls enginetest.API
		want  string   // the error's words, "" for none
		do    []string // that were called after the list
	}{
		"no project":   {nil, nil, "the project has no network; start it with `stackctl up`", nil},
		"no image":     {[]container.Summary{redis}, enginetest.API{create: enginetest.Says(http.StatusNotFound, "No such image: stackctl-web:latest")}, "creating a one-off container for the tunnel: Error response from daemon: No such image", []string{create}},
		"no streams":   {[]container.Summary{redis}, enginetest.API{create: created, attach: enginetest.Says(http.StatusConflict, "x"), remove: empty}, "attaching to the tunnel's container", []string{create, attach, remove}},
		"no start":     {[]container.Summary{redis}, enginetest.API{create: created, attach: enginetest.Upgrade(enginetest.Echo), start: enginetest.Says(http.StatusInternalServerError, "no address left"), remove: empty}, "starting the tunnel's container: Error response from daemon: no address left", []string{create, attach, start, remove}},
		"no answer":    {[]container.Summary{redis}, enginetest.API{create: created, attach: enginetest.Upgrade(enginetest.Echo), start: enginetest.Hang, remove: empty}, "no answer from the engine", []string{create, attach, start, remove}},
		"it works":     {[]container.Summary{stopped, redis}, enginetest.API{create: created, attach: enginetest.Upgrade(enginetest.Echo), start: empty, remove: empty}, "", []string{create, attach, start, remove}},
		"already gone": {[]container.Summary{redis}, enginetest.API{create: created, attach: enginetest.Upgrade(enginetest.Echo), start: empty, remove: enginetest.Says(http.StatusNotFound, "No such container")}, "", []string{create, attach, start, remove}},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var did []string
			var body struct {
				container.Config
				HostConfig container.HostConfig
			}
			e := oddEngine(t, func(w http.ResponseWriter, r *http.Request) {
				call := enginetest.CallOf(r)
				if call == listContainers {
					enginetest.Document(append([]container.Summary{}, tt.list...))(w, r)
					return
				}
				mu.Lock()
				did = append(did, call)
				mu.Unlock()
				if call == create {
					_ = json.NewDecoder(r.Body).Decode(&body)
				}
				tt.calls.ServeHTTP(w, r)
			}, 200*time.Millisecond)
			conn, err := e.DialService(t.Context(), "p", "redis:6379")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err == nil {
				_, _ = io.WriteString(conn, "PING\n")
				if line, err := bufio.NewReader(conn).ReadString('\n'); line != "PING\n" {
					t.Errorf("%q, %v", line, err)
				}
				_ = conn.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(did, tt.do) {
				t.Errorf("did %q, want %q", did, tt.do)
			}
			if name == "it works" && (body.Image != "image-of-web" || body.HostConfig.NetworkMode != "p_default" || !body.HostConfig.AutoRemove) {
				t.Errorf("a container of %q on %q: want the network that redis is on", body.Image, body.HostConfig.NetworkMode)
			}
		})
	}
}

// execs is an engine whose exec in the container web does as it is told.
func execs(t *testing.T, start, inspect http.HandlerFunc) *Engine {
	return oddEngine(t, enginetest.API{
		listContainers: enginetest.Document([]container.Summary{web, redis}), createExec: enginetest.Document(map[string]string{"Id": "x"}), startExec: start, inspectExec: inspect,
	}.ServeHTTP)
}

func ended(code int) http.HandlerFunc {
	return enginetest.Document(container.ExecInspect{ExecID: "x", ExitCode: code})
}

func TestNamesThatDoNotResolve(t *testing.T) {
	for name, tt := range map[string]struct {
		print string
		code  int
		want  string // of the names or the error
	}{
		"all of them":     {enginetest.Frame(stdcopy.Stdout, "redis 10.0.0.2\nweb 10.0.0.3\n"), 0, "redis 10.0.0.2,web 10.0.0.3"},
		"one does not":    {enginetest.Frame(stdcopy.Stdout, "web 10.0.0.3\n") + enginetest.Frame(stdcopy.Stderr, "lookup redis: no such host\n"), 1, "resolving names in container \"p-web-1\": lookup redis: no such host"},
		"no such program": {enginetest.Frame(stdcopy.Stdout, "OCI runtime exec failed: no such file or directory\r\n"), 127, "OCI runtime exec failed: no such file or directory"},
		"no words at all": {"", 137, "resolving names in container \"p-web-1\": exit code 137"},
		"words unbounded": {strings.Repeat(enginetest.Frame(stdcopy.Stderr, strings.Repeat("x", 1<<10)), 1<<10), 1, "xxx"},
	} {
		names, err := execs(t, enginetest.Prints(tt.print), ended(tt.code)).Lookup(t.Context(), "p", "web", []string{"redis", "web"})
		got := strings.Join(names, ",")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) || len(got) > 2*maxOutput || (tt.code != 0) != (err != nil) {
			t.Errorf("%s: %.200s", name, got)
		}
	}
	e := oddEngine(t, enginetest.API{listContainers: enginetest.Document([]container.Summary{redis})}.ServeHTTP)
	if _, err := e.Lookup(t.Context(), "p", "web", nil); !errors.Is(err, ErrNoReplica) {
		t.Errorf("no replica: %v", err)
	}
}

// No goroutine is left of connections that never came about.
func TestNothingIsLeft(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		if _, err := tunnels(t, enginetest.Hang, 50*time.Millisecond).DialService(t.Context(), "p", "redis:6379"); !errors.As(err, new(*NoAnswerError)) {
			t.Errorf("%v", err)
		}
		conn, err := tunnels(t, enginetest.Upgrade(func(_ net.Conn, in io.Reader) { _, _ = io.Copy(io.Discard, in) })).DialService(t.Context(), "p", "redis:6379")
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	})
}
