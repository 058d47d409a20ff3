package certs

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"golang.org/x/crypto/acme"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// pebble is Let's Encrypt's ACME server for tests, in this process. All names lead to 127.0.0.1.
type pebble struct {
	*httptest.Server
	caFile   string       // its own root, for ACME_CA_FILE
	roots    string       // what it signs with
	port     int          // where it looks for challenges
	requests atomic.Int64 // that it got
	away     atomic.Bool  // it drops connections
	stopAt   atomic.Value // a part of a path: such requests, and all after them, are dropped
}

// startPebble issues certificates that are valid for so long.
func startPebble(t *testing.T, validity time.Duration) *pebble {
	t.Helper()
	return startPebbleFor(t, validity, strconv.Itoa(freePort(t)))
}

// startPebbleFor looks for challenges at a port.
func startPebbleFor(t *testing.T, validity time.Duration, port string) *pebble {
	t.Helper()
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	quiet := log.New(io.Discard, "", 0)
	p := &pebble{port: number}
	p.stopAt.Store("")
	resolver := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	dns, err := challtestsrv.New(challtestsrv.Config{DNSAddrs: []string{resolver}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	dns.SetDefaultDNSIPv4("127.0.0.1")
	dns.SetDefaultDNSIPv6("")
	go dns.Run()
	t.Cleanup(dns.Shutdown)

	store := db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: uint64(validity / time.Second)}})
	front := wfe.New(quiet, store, va.New(quiet, p.port, 0, false, resolver, store), authority, []string{"pebble.example"}, false, false, 1, 1)
	handler := front.Handler()
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		if part := p.stopAt.Load().(string); part != "" && strings.Contains(r.URL.Path, part) {
			p.away.Store(true)
		}
		if p.away.Load() {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	dir := t.TempDir()
	p.caFile, p.roots = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "roots.pem")
	write(t, p.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
	write(t, p.roots, authority.GetRootCert(0).PEM())
	return p
}

func freePort(t testing.TB) int {
	t.Helper()
	return int(netip.MustParseAddrPort(tiertest.FreeAddr(t)).Port())
}

// config is that of a tier which is where Pebble looks for challenges.
func (p *pebble) config(t *testing.T, dir string, pairs ...string) Config {
	t.Helper()
	return configFor(t, dir, append([]string{
		"CERTS_ISSUER", "acme", "CERTS_NAMES", "a.example,b.example", "ACME_DIRECTORY", p.URL + "/dir", "ACME_CA_FILE", p.caFile, "ACME_EMAIL", "me@a.example",
		"CHALLENGE_ADDR", fmt.Sprintf("127.0.0.1:%d", p.port),
	}, pairs...)...)
}

func isReal(s certificate.Status) bool { return s.Issuer == certificate.ACME }

func TestACME(t *testing.T) {
	t.Parallel()
	p := startPebble(t, 12*time.Second)
	dir := t.TempDir()
	cfg := p.config(t, dir)
	r := start(t, cfg)
	if s := r.until(t, "a placeholder", func(s certificate.Status) bool { return s.Issuer != "" }); s.Issuer != certificate.Placeholder || s.Real() {
		t.Errorf("at first there is %+v", s)
	}
	first := r.until(t, "a certificate", isReal)
	trusts(t, dir, p.roots, "a.example", "b.example")
	if first.Configured != certificate.ACME || !first.Real() || first.NextRenewal.Sub(first.NotBefore) > 8*time.Second {
		t.Errorf("got %+v", first)
	}

	if testing.Short() {
		return
	}
	// It is renewed after two thirds of its 12 seconds: the one in use is never one that has expired.
	second := r.until(t, "its renewal", func(s certificate.Status) bool { return isReal(s) && s.Fingerprint != first.Fingerprint })
	trusts(t, dir, p.roots, "a.example", "b.example")
	if at := second.NotBefore.Sub(first.NotBefore); at < 7*time.Second || at > 12*time.Second {
		t.Errorf("it was renewed after %s", at)
	}
	if second.Renewals != first.Renewals+1 || second.Failures != 0 {
		t.Errorf("got %+v", second)
	}
	tellsNoKey(t, dir, "the log", r.log.String())

	// A restart keeps it, and the account.
	account, err := filepath.Glob(filepath.Join(dir, privateDir, "account-*"))
	if err != nil || len(account) != 1 {
		t.Fatalf("accounts: %v, %v", account, err)
	}
	r.stop()
	if order, _ := os.ReadFile(filepath.Join(dir, orderFile)); order != nil {
		t.Errorf("an order is left that is done")
	}
}

func TestACMEAnswersNothingElse(t *testing.T) {
	t.Parallel()
	p := startPebble(t, time.Hour)
	r := start(t, p.config(t, t.TempDir()))
	r.until(t, "a certificate", isReal)
	for _, path := range []string{"/", challengePath, challengePath + "unknown", challengePath + "../../etc/passwd", "/healthz"} {
		if code, _ := get(t, r.ChallengeAddr(), path); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// The name leads elsewhere: the error says so, the issuer is left alone for minutes, also by a tier that is restarted.
func TestACMEChallengeFails(t *testing.T) {
	t.Parallel()
	p := startPebble(t, time.Hour)
	dir := t.TempDir()
	cfg := p.config(t, dir, "CHALLENGE_ADDR", "127.0.0.1:0")
	r := start(t, cfg)
	s := r.until(t, "the failure", func(s certificate.Status) bool { return s.Failures > 0 })
	for _, part := range []string{`proving that "`, ".example/.well-known/acme-challenge/ on port 80", "look at the name's DNS records"} {
		if !strings.Contains(s.LastError, part) {
			t.Errorf("the error lacks %q: %s", part, s.LastError)
		}
	}
	if s.Issuer != certificate.Placeholder || s.LastErrorAt.IsZero() {
		t.Errorf("got %+v", s)
	}
	if wait := time.Until(s.NextRenewal); wait < 4*time.Minute || wait > 6*time.Minute {
		t.Errorf("it is asked again in %s", wait)
	}
	if code, body := get(t, r.Addr(), "/healthz"); code != 200 || !strings.HasPrefix(body, "ok: placeholder until ") || !strings.Contains(body, "; last attempt: proving") {
		t.Errorf("/healthz: %d %q", code, body)
	}
	if _, metrics := get(t, r.Addr(), "/metrics"); !strings.Contains(metrics, "stackctl_certificate_failing 1") || !strings.Contains(metrics, "stackctl_certificate_failures_total 1") {
		t.Errorf("/metrics does not tell of it")
	}
	r.stop()

	asked := p.requests.Load()
	for range 5 {
		r = start(t, cfg)
		tiertest.WaitFor(t, "the status", func() bool { code, _ := get(t, r.Addr(), "/healthz"); return code == 200 })
		if again := r.status(t); !again.NextRenewal.Equal(s.NextRenewal) || again.Failures != 1 {
			t.Errorf("a restart made it %s of %s", again.NextRenewal, s.NextRenewal)
		}
		r.stop()
	}
	if n := p.requests.Load() - asked; n != 0 {
		t.Errorf("five restarts made %d requests", n)
	}

	// Other settings are tried at once.
	r = start(t, p.config(t, dir, "CERTS_NAMES", "c.example"))
	r.until(t, "a certificate for another name", isReal)
	trusts(t, dir, p.roots, "c.example")
}

// The issuer is not there: what is in use stays. When it is back, a certificate comes.
func TestACMEIssuerAway(t *testing.T) {
	t.Parallel()
	p := startPebble(t, time.Hour)
	p.away.Store(true)
	dir := t.TempDir()
	r := start(t, p.config(t, dir))
	s := r.until(t, "the failure", func(s certificate.Status) bool { return s.Failures > 0 })
	if wait := time.Until(s.NextRenewal); wait < 25*time.Second || wait > 35*time.Second || s.Issuer != certificate.Placeholder {
		t.Errorf("it is asked again in %s: %+v", wait, s)
	}
	r.stop()
	p.away.Store(false)
	if err := os.Remove(filepath.Join(dir, attemptsFile)); err != nil { // as if the time had passed
		t.Fatal(err)
	}
	r = start(t, p.config(t, dir))
	r.until(t, "a certificate", isReal)
}

// An order that a lost connection or a restart interrupts is finished, with its own key, and no second one is made.
func TestACMEOrderIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"/authZ/", "/chalZ/", "/finalize-order/", "/certZ/"} {
		t.Run(strings.Trim(at, "/"), func(t *testing.T) {
			t.Parallel()
			p := startPebble(t, time.Hour)
			dir := t.TempDir()
			p.stopAt.Store(at)
			r := start(t, p.config(t, dir))
			s := r.until(t, "the failure", func(s certificate.Status) bool { return s.Failures > 0 })
			if wait := time.Until(s.NextRenewal); wait > 35*time.Second {
				t.Errorf("the lost connection was taken for a refusal: %s, %s", wait, s.LastError)
			}
			tellsNoKey(t, dir, "the log", r.log.String())
			r.stop()
			p.stopAt.Store("")
			p.away.Store(false)
			if err := os.Remove(filepath.Join(dir, attemptsFile)); err != nil {
				t.Fatal(err)
			}
			r = start(t, p.config(t, dir))
			r.until(t, "a certificate", isReal)
			trusts(t, dir, p.roots, "a.example", "b.example")
			if !strings.Contains(r.log.String(), "order taken up again") {
				t.Errorf("another order was made")
			}
		})
	}
}

func TestACMEPauses(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("ordering: %w", &acme.Error{StatusCode: 403, ProblemType: "urn:ietf:params:acme:error:unauthorized"})
	limited := &acme.Error{StatusCode: 429, ProblemType: "urn:ietf:params:acme:error:rateLimited", Header: http.Header{"Retry-After": {"7200"}}}
	a := &acmeIssuer{}
	for _, tt := range []struct {
		err      error
		failures int
		want     time.Duration
	}{
		{refused, 1, 5 * time.Minute}, {refused, 2, 10 * time.Minute}, {refused, 4, 40 * time.Minute}, {refused, 9, 1280 * time.Minute}, {refused, 10, 24 * time.Hour}, {refused, 1 << 40, 24 * time.Hour},
		{&acme.AuthorizationError{}, 1, 5 * time.Minute}, {&acme.OrderError{}, 1, 5 * time.Minute},
		{limited, 1, 2 * time.Hour}, {limited, 8, 640 * time.Minute},
		{refused, -3, 5 * time.Minute}, {context.DeadlineExceeded, 1, 30 * time.Second}, {errors.New("dial"), 3, 2 * time.Minute}, {errors.New("dial"), 100, time.Hour},
	} {
		if got := a.pause(tt.failures, tt.err); got < tt.want || got > tt.want*11/10 {
			t.Errorf("after %d failures, %v: %s, want %s", tt.failures, tt.err, got, tt.want)
		}
	}
}
