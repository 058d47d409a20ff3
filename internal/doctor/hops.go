package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/store"
)

// hops lists the checks of a running stack: each hop of a request, and the names that the tiers call each other by.
func hops(eng *engine.Engine, s *stack.Stack, observed *orchestrate.Observed) []func(context.Context) Check {
	project := s.Project.Name
	var checks []func(context.Context) Check
	if r := s.Extension.Ready; r != nil {
		dial := frontDialer(eng, s, observed)
		checks = append(checks,
			func(ctx context.Context) Check { return checkFront(ctx, r.Service, dial) },
			func(ctx context.Context) Check {
				return checkHTTP(ctx, "hop through every tier", r.Path, dial)
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

type dialer func(ctx context.Context) (net.Conn, error)

// frontDialer reaches the front through its published port or, on another machine, through the tunnel.
func frontDialer(eng *engine.Engine, s *stack.Stack, observed *orchestrate.Observed) dialer {
	r := s.Extension.Ready
	if address, ok := observed.PublishedAt(r.Service, r.Port); ok && eng.Local() {
		return func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	inside := fmt.Sprintf("%s:%d", r.Service, r.Port)
	return func(ctx context.Context) (net.Conn, error) { return eng.DialService(ctx, s.Project.Name, inside) }
}

// checkFront sends a request without the Host header that HTTP/1.1 demands: the proxy refuses it itself, so that the
// answer tells about this hop alone.
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
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		check.Detail = fmt.Sprintf("it accepts the connection but does not answer: %v", err)
		return check
	}
	return Check{Name: check.Name, Verdict: OK, Latency: time.Since(begin), Detail: "answers " + strings.TrimSpace(strings.TrimPrefix(line, "HTTP/1.1 "))}
}

func checkHTTP(ctx context.Context, name, path string, dial dialer) Check {
	check := Check{Name: name, Verdict: Broken, Next: "`stackctl logs --tail 20` shows what the tiers say"}
	status, body, latency, err := timedGet(ctx, path, dial)
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

// timedGet asks twice over one connection, and times the second: the first one opens the connection.
func timedGet(ctx context.Context, path string, dial dialer) (status int, body string, latency time.Duration, err error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: stack.SameTarget}
	target, err := stack.ProbeURL("localhost", path)
	if err != nil {
		return 0, "", 0, err
	}
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
	address, err := eng.StoreAddress(ctx, project)
	if err != nil {
		check.Detail = err.Error()
		return check
	}
	client := store.Open(func(ctx context.Context) (net.Conn, error) { return eng.DialService(ctx, project, address) })
	defer client.Close()
	if err := client.Ping(ctx); err != nil { // the first one opens the connection
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
	check := Check{Name: "names of the services", Verdict: Broken, Next: "`stackctl up` repairs the network; `docker network inspect` shows who is on it"}
	begin := time.Now()
	found, err := eng.Lookup(ctx, s.Project.Name, s.Extension.Store.Via, s.Project.ServiceNames())
	if errors.Is(err, engine.ErrNoReplica) {
		return Check{Name: check.Name, Verdict: Note, Detail: "not examined: no running container carries stackctl", Next: "`stackctl up` starts one"}
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

// upstreams lists the exposed ports of the services that a front's `upstream` blocks name.
func upstreams(s *stack.Stack) []upstream {
	var found []upstream
	for _, front := range s.Project.Services {
		config, ok := s.Upstreams(front)
		if !ok {
			continue
		}
		for _, name := range s.Project.ServiceNames() {
			svc := s.Project.Services[name]
			if len(svc.Expose) > 0 && strings.Contains(s.Project.Configs[config].Content, "server "+name+":") {
				found = append(found, upstream{service: name, port: svc.Expose[0]})
			}
		}
	}
	return found
}

// checkUpstream asks a service from inside the project; whatever it answers, it is there.
func checkUpstream(ctx context.Context, eng *engine.Engine, project string, u upstream) Check {
	name := fmt.Sprintf("hop to %s:%s", u.service, u.port)
	status, _, latency, err := timedGet(ctx, "/", func(ctx context.Context) (net.Conn, error) {
		return eng.DialService(ctx, project, net.JoinHostPort(u.service, u.port))
	})
	if err != nil {
		return Check{Name: name, Verdict: Broken, Detail: err.Error(), Next: "`stackctl logs " + u.service + "` may say why"}
	}
	return Check{Name: name, Verdict: OK, Latency: latency, Detail: fmt.Sprintf("GET / answers %d", status)}
}
