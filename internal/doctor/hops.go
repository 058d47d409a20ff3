package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/store"
)

// hops returns the checks of a running stack: each hop of a request, and the names of the services in DNS.
func hops(eng *engine.Engine, s *stack.Stack, observed *observe.Observed) []func(context.Context) Check {
	project := s.Project.Name
	var checks []func(context.Context) Check
	if r := s.Extension.Ready; r != nil {
		dial := frontDialer(eng, s, observed)
		checks = append(checks,
			func(ctx context.Context) Check { return checkFront(ctx, r.Service, dial) },
			func(ctx context.Context) Check {
				return checkHTTP(ctx, "hop through every tier", "http", r.Path, dial)
			})
	}
	if st := s.Extension.Store; st != nil {
		for _, upstream := range upstreams(s) {
			checks = append(checks, func(ctx context.Context) Check { return checkUpstream(ctx, eng, project, upstream) })
		}
		checks = append(checks,
			func(ctx context.Context) Check { return checkStore(ctx, eng, project, st) },
			func(ctx context.Context) Check { return checkNames(ctx, eng, s) })
	}
	return checks
}

// maxStatusLine bounds the first line of a response, in bytes.
const maxStatusLine = 4 << 10

type dialer func(ctx context.Context) (net.Conn, error)

// frontDialer dials the front's published port or, if the engine is on another machine, the tunnel.
func frontDialer(eng *engine.Engine, s *stack.Stack, observed *observe.Observed) dialer {
	r := s.Extension.Ready
	if address, ok := observed.PublishedAt(r.Service, r.Port); ok && eng.Local() {
		return func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	inside := fmt.Sprintf("%s:%d", r.Service, r.Port)
	return func(ctx context.Context) (net.Conn, error) { return eng.DialService(ctx, s.Project.Name, inside) }
}

// checkFront sends a request without the Host header that HTTP/1.1 requires: the proxy rejects it itself, so that the response tests
// only this hop.
func checkFront(ctx context.Context, service string, dial dialer) Check {
	check := Check{Name: "hop host -> " + service, Verdict: Broken, Next: "`stackctl logs " + service + "` may say why"}
	conn, err := dial(ctx)
	if err != nil {
		check.Detail = err.Error()
		return check
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	begin := time.Now()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	if err != nil {
		check.Detail = err.Error()
		return check
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxStatusLine)).ReadString('\n')
	switch {
	case err != nil && line == "":
		check.Detail = fmt.Sprintf("it accepts the connection but does not answer: %v", err)
		return check
	case err != nil || !strings.HasPrefix(line, "HTTP/"):
		check.Detail = fmt.Sprintf("it accepts the connection but does not answer in HTTP: %.40q", line)
		return check
	}
	return Check{Name: check.Name, Verdict: OK, Latency: time.Since(begin), Detail: "answers " + strings.TrimSpace(strings.TrimPrefix(line, "HTTP/1.1 "))}
}

func checkHTTP(ctx context.Context, name, scheme, path string, dial dialer) Check {
	check := Check{Name: name, Verdict: Broken, Next: "`stackctl logs --tail 20` shows the tiers' messages"}
	status, body, latency, err := timedGet(ctx, scheme, path, dial)
	switch {
	case err != nil:
		check.Detail = err.Error()
		return check
	case status != http.StatusOK:
		check.Detail = fmt.Sprintf("GET %s answers %d %s", path, status, body)
		return check
	}
	return Check{Name: name, Verdict: OK, Latency: latency, Detail: fmt.Sprintf("GET %s answers %d", path, status)}
}

// timedGet sends two requests on one connection and returns the second one's latency, which does not include the connection's setup.
func timedGet(ctx context.Context, scheme, path string, dial dialer) (status int, body string, latency time.Duration, err error) {
	transport := &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate has a check of its own, and this asks nothing secret
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: stack.SameTarget}
	target, err := stack.ProbeURL("localhost", path)
	if err != nil {
		return 0, "", 0, err
	}
	target.Scheme = scheme
	for range 2 {
		begin := time.Now()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
		if err != nil {
			return 0, "", 0, err
		}
		response, err := client.Do(request)
		if err != nil {
			return 0, "", 0, err
		}
		text, err := io.ReadAll(io.LimitReader(response.Body, 200))
		_ = response.Body.Close()
		if err != nil {
			return 0, "", 0, err
		}
		status, body, latency = response.StatusCode, strings.TrimSpace(string(text)), time.Since(begin)
	}
	return status, body, latency, nil
}

func checkStore(ctx context.Context, eng *engine.Engine, project string, st *stack.Store) Check {
	check := Check{Name: fmt.Sprintf("hop %s -> %s", st.Via, st.Service), Verdict: Broken, Next: "`stackctl logs " + st.Service + "` may say why"}
	client := store.Open(store.Reach(eng, project))
	defer client.Close()
	if err := client.Ping(ctx); err != nil { // opens the connection, which is not timed
		check.Detail = err.Error()
		return check
	}
	begin := time.Now()
	if err := client.Ping(ctx); err != nil {
		check.Detail = err.Error()
		return check
	}
	return Check{Name: check.Name, Verdict: OK, Latency: time.Since(begin), Detail: "PING answers"}
}

// checkNames resolves the services' names inside a container that carries stackctl.
func checkNames(ctx context.Context, eng *engine.Engine, s *stack.Stack) Check {
	check := Check{Name: "names of the services", Verdict: Broken, Next: "`stackctl up` repairs the network; `docker network inspect` shows its containers"}
	begin := time.Now()
	names := slices.DeleteFunc(s.Project.ServiceNames(), func(name string) bool { return stack.ServiceExtensionOf(s.Project.Services[name]).Optional })
	found, err := eng.Lookup(ctx, s.Project.Name, s.Extension.Store.Via, names)
	if errors.Is(err, engine.ErrNoReplica) {
		return Check{Name: check.Name, Verdict: Note, Detail: "not checked: no running container carries stackctl", Next: "`stackctl up` starts one"}
	}
	if err != nil {
		check.Detail = err.Error()
		return check
	}
	return Check{Name: check.Name, Verdict: OK, Latency: time.Since(begin), Detail: strings.Join(found, ", ")}
}

// upstream is a port that a service behind the front listens on.
type upstream struct {
	service string
	port    string
}

// upstreams returns the first exposed TCP port of each service that a front's `upstream` blocks name.
func upstreams(s *stack.Stack) []upstream {
	var found []upstream
	for _, name := range s.Behind() {
		for _, text := range s.Project.Services[name].Expose {
			proto, ports := nat.SplitProtoPort(text)
			first, _, err := nat.ParsePortRange(ports)
			if err == nil && proto == "tcp" {
				found = append(found, upstream{service: name, port: strconv.FormatUint(first, 10)})
				break
			}
		}
	}
	return found
}

// checkUpstream sends a service a request from inside the project; any response means that it is there.
func checkUpstream(ctx context.Context, eng *engine.Engine, project string, u upstream) Check {
	name := fmt.Sprintf("hop to %s:%s", u.service, u.port)
	status, _, latency, err := timedGet(ctx, "http", "/", func(ctx context.Context) (net.Conn, error) {
		return eng.DialService(ctx, project, net.JoinHostPort(u.service, u.port))
	})
	if err != nil {
		return Check{Name: name, Verdict: Broken, Detail: err.Error(), Next: "`stackctl logs " + u.service + "` may say why"}
	}
	return Check{Name: name, Verdict: OK, Latency: latency, Detail: fmt.Sprintf("GET / answers %d", status)}
}
