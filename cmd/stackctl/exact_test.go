//go:build unix

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/server/visits/visitstest"
)

// visitors is how many clients count at the same time.
const visitors = 48

// exactStack is a running stack with three web replicas.
type exactStack struct {
	t             *testing.T
	project, port string
	tlsPort       string // "" without TLS
	database      bool
	files         []string
}

// TestCountsExactlyUnderKills kills containers of every tier at random while clients count, and checks that every visit was counted
// exactly once. STACKCTL_EXACT_FOR sets how long (20s), STACKCTL_EXACT_SEED repeats a run's choices, and STACKCTL_EXACT_REPORT names a
// file for what happened.
func TestCountsExactlyUnderKills(t *testing.T) {
	needEngine(t)
	countUnderKills(t, startExact(t, ownProject("exact-kills")))
}

// TestCountsExactlyWithEverything does so through all features: TLS, the firewall and the limits.
func TestCountsExactlyWithEverything(t *testing.T) {
	needEngine(t)
	tlsPort, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("STACKCTL_TLS_PORT", tlsPort)
	s := startExact(t, ownProject("exact-all"), "limits", "tls", "waf")
	s.tlsPort = tlsPort
	countUnderKills(t, s)
}

func countUnderKills(t *testing.T, s *exactStack) {
	length := exactFor(t)
	seed := rand.Uint64()
	if text := os.Getenv("STACKCTL_EXACT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", seed)
	k := s.newKiller(seed)
	clients := newHTTPCounters(s.port)
	if s.tlsPort != "" {
		clients.addr, clients.tls = "127.0.0.1:"+s.tlsPort, true
	}

	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var killing sync.WaitGroup
	killing.Go(func() { visitstest.Disturb(ctx, k.random, 2500*time.Millisecond, k.killOne) })
	history := visitstest.Run(ctx, visitors, clients)
	killing.Wait()
	clients.close()
	s.waitReady(k)

	err := history.Check(s.visits(), 0)
	report := fmt.Sprintf("%s\nseed %d, %d clients for %s\nkills: %s\nanswers: %s\nlongest time without a counted visit: %s\n",
		history, seed, visitors, length, tally(k.kills), tally(clients.answers), history.LongestPause().Round(time.Millisecond))
	t.Log(report)
	if path := os.Getenv("STACKCTL_EXACT_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(report), 0o644); err != nil {
			t.Error(err)
		}
	}
	if err != nil {
		t.Error(err)
	}
	if history.Acknowledged() == 0 || len(k.kills) == 0 {
		t.Error("the run shows nothing")
	}
}

// TestResetUnderLoad resets the counter while clients count: each time the numbers begin at 1 again, and none is lost or given twice.
func TestResetUnderLoad(t *testing.T) {
	needEngine(t)
	s := startExact(t, ownProject("exact-reset"))
	clients := newHTTPCounters(s.port)
	var history *visitstest.History
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	running.Go(func() { history = visitstest.Run(ctx, visitors, clients) })
	type reset struct {
		start, end time.Time
		removed    int64
	}
	var resets []reset
	for range 4 {
		s.pause(time.Second)
		start := time.Now()
		out := strings.TrimSpace(s.stackctl("reset", "--yes"))
		end := time.Now()
		var removed int64
		if _, err := fmt.Sscanf(out, "visits: %d -> 0", &removed); err != nil {
			t.Errorf("reset printed %q: %v", out, err)
			break
		}
		resets = append(resets, reset{start, end, removed})
	}
	s.pause(time.Second)
	cancel()
	running.Wait()
	clients.close()
	for _, r := range resets {
		history.Reset(r.start, r.end, r.removed)
	}
	if err := history.Check(s.visits(), 0); err != nil {
		t.Error(err)
	}
	t.Logf("%s\nanswers: %s", history, tally(clients.answers))
}

func exactFor(t *testing.T) time.Duration {
	length, err := time.ParseDuration(cmp.Or(os.Getenv("STACKCTL_EXACT_FOR"), "20s"))
	if err != nil {
		t.Fatal(err)
	}
	return length
}

// startExact brings the stack up, and down at the end of the test.
func startExact(t *testing.T, project string, with ...string) *exactStack {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../assets")); err != nil {
		t.Fatal(err)
	}
	replicas := filepath.Join(dir, "replicas.yaml")
	text := "services: {web: {deploy: {replicas: 3}}}\n"
	if len(with) > 0 {
		text += "x-stackctl: {with: [" + strings.Join(with, ", ") + "]}\n"
	}
	if err := os.WriteFile(replicas, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &exactStack{t: t, project: project, port: port, files: []string{"-f", filepath.Join(dir, "compose.yaml"), "-f", replicas}}
	t.Cleanup(func() { cleanUp(t, project) })
	s.stackctl("up", "-d")
	return s
}

// stackctl runs a command on the stack and returns what it printed.
func (s *exactStack) stackctl(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := program(ctx, s.t, s.project, s.port, append(slices.Clone(s.files), args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("stackctl %q: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

func (s *exactStack) visits() int64 {
	s.t.Helper()
	out := strings.TrimSpace(s.stackctl("get", "visits"))
	n, err := strconv.ParseInt(strings.Trim(out, `"`), 10, 64)
	if err != nil {
		s.t.Fatalf("reading the final value: %v", err)
	}
	return n
}

// waitReady starts what was killed last, and waits until requests go through every tier.
func (s *exactStack) waitReady(k *killer) {
	s.t.Helper()
	for _, name := range k.names {
		k.start(name)
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	last := ""
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); s.pause(100 * time.Millisecond) {
		response, err := client.Get("http://127.0.0.1:" + s.port + "/readyz")
		if err != nil {
			last = err.Error()
			continue
		}
		response.Body.Close()
		if last = response.Status; response.StatusCode == http.StatusOK {
			return
		}
	}
	s.t.Fatalf("waiting for the stack after the kills: %s", last)
}

func (s *exactStack) pause(d time.Duration) { pause(s.t.Context(), d) }

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// killer kills containers, one at a time. It is not for concurrent use.
type killer struct {
	t         *testing.T
	project   string
	eng       *engine.Engine
	random    *rand.Rand
	names     []string
	deck      []int // of names: each is killed before one is killed again
	kills     map[string]int
	viaEngine map[string]bool // how each was killed last
}

func (s *exactStack) newKiller(seed uint64) *killer {
	eng, err := connect(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = eng.Close() })
	k := &killer{t: s.t, project: s.project, eng: eng, random: rand.New(rand.NewPCG(seed, 0)), kills: map[string]int{}, viaEngine: map[string]bool{}}
	tiers := []string{"web-1", "web-2", "web-3", "redis-1", "nginx-1"}
	if s.tlsPort != "" {
		tiers = append(tiers, "waf-1", "tls-1")
	}
	if s.database {
		tiers = append(tiers, "postgres-1", "archive-1")
	}
	for _, name := range tiers {
		k.names = append(k.names, s.project+"-"+name)
		k.viaEngine[s.project+"-"+name] = k.random.IntN(2) == 0
	}
	return k
}

// killOne kills a container chosen at random, each in turn through the engine and as a crash of its process. The first it starts again after
// a moment, since the engine leaves alone what was killed through it; the second the engine restarts.
func (k *killer) killOne() {
	if len(k.deck) == 0 {
		k.deck = k.random.Perm(len(k.names))
	}
	name := k.names[k.deck[0]]
	k.deck = k.deck[1:]
	rest := time.Duration(k.random.Int64N(int64(2 * time.Second)))
	tier := strings.TrimPrefix(name, k.project+"-")
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second)
	defer cancel()
	how := "crash"
	var err error
	if k.viaEngine[name] = !k.viaEngine[name]; k.viaEngine[name] {
		how = "engine"
		err = k.eng.ContainerKill(ctx, name, "SIGKILL")
	} else {
		err = k.crash(ctx, name)
	}
	if err != nil { // such as: it is down still, since the kill before
		k.t.Logf("killing %s: %v", name, err)
		how = "already down"
	}
	k.kills[tier+" "+how]++
	if how == "engine" {
		pause(ctx, rest)
		k.start(name)
	}
}

// crash kills the container's process from outside. The handle is taken before the pid is looked at again, so that it cannot be
// somebody else's.
func (k *killer) crash(ctx context.Context, name string) error {
	before, err := k.eng.ContainerInspect(ctx, name)
	if err != nil {
		return err
	}
	if !before.State.Running || before.State.Pid <= 1 {
		return fmt.Errorf("it is %s", before.State.Status)
	}
	process, err := os.FindProcess(before.State.Pid)
	if err != nil {
		return err
	}
	defer func() { _ = process.Release() }()
	now, err := k.eng.ContainerInspect(ctx, name)
	if err != nil {
		return err
	}
	if !now.State.Running || now.State.Pid != before.State.Pid {
		return fmt.Errorf("it was just restarted")
	}
	return process.Signal(syscall.SIGKILL)
}

// start starts a container that does not run.
func (k *killer) start(name string) {
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second)
	defer cancel()
	if err := k.eng.ContainerStart(ctx, name, container.StartOptions{}); err != nil {
		k.t.Errorf("starting %s: %v", name, err)
	}
}

// httpCounters visits /count over keep-alive connections. It is not net/http's client, which repeats a GET by itself when a used
// connection breaks before the reply: such a visit may be counted twice, and no counter could help it.
type httpCounters struct {
	addr    string
	tls     bool
	idle    chan *httpConn
	mu      sync.Mutex
	answers map[string]int
}

type httpConn struct {
	net.Conn
	reader *bufio.Reader
}

var _ visitstest.Counter = (*httpCounters)(nil)

func newHTTPCounters(port string) *httpCounters {
	return &httpCounters{addr: "127.0.0.1:" + port, idle: make(chan *httpConn, visitors), answers: map[string]int{}}
}

// Next sends one request, once.
func (h *httpCounters) Next(ctx context.Context) (int64, error) {
	conn, err := h.get(ctx)
	if err != nil {
		h.note("no connection")
		return 0, fmt.Errorf("%w: %w", visitstest.ErrNotCounted, err)
	}
	number, status, keep, err := conn.count(ctx)
	h.note(status)
	if keep {
		h.idle <- conn // there is room: no more connections than callers
	} else {
		_ = conn.Close()
	}
	return number, err
}

func (h *httpCounters) get(ctx context.Context) (*httpConn, error) {
	select {
	case conn := <-h.idle:
		return conn, nil
	default:
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", h.addr)
	if err != nil {
		return nil, err
	}
	if h.tls {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it counts
	}
	return &httpConn{conn, bufio.NewReader(conn)}, nil
}

func (h *httpCounters) note(answer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[answer]++
}

func (h *httpCounters) close() {
	for {
		select {
		case conn := <-h.idle:
			_ = conn.Close()
		default:
			return
		}
	}
}

// count returns a number only of a whole 200, what to call the answer, and whether the connection can be used again.
func (c *httpConn) count(ctx context.Context) (number int64, status string, keep bool, err error) {
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	if _, err := io.WriteString(c, "GET /count HTTP/1.1\r\nHost: stackctl.test\r\n\r\n"); err != nil {
		return 0, "no answer", false, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, "no answer", false, err
	}
	defer response.Body.Close()
	status = strconv.Itoa(response.StatusCode)
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return 0, status + " cut off", false, err
	}
	keep = !response.Close
	if response.StatusCode != http.StatusOK {
		return 0, status, keep, fmt.Errorf("%s: %s", response.Status, body)
	}
	if _, err := fmt.Sscanf(string(body), "This page has been visited %d times.", &number); err != nil {
		return 0, status + " without a number", keep, fmt.Errorf("%q: %w", body, err)
	}
	return number, status, keep, nil
}

// tally prints counts in the order of their names.
func tally(counts map[string]int) string {
	var parts []string
	for name, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
