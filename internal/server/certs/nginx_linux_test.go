package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// startNginx serves TLS with the folder's pair as docs/tls.md says, and passes challenges on. It returns the addresses of both.
func startNginx(t *testing.T, dir, challenges string) (secure, plain string) {
	t.Helper()
	return startNginxLogging(t, dir, challenges, "warn")
}

// startNginxQuiet logs no requests for files that are not there.
func startNginxQuiet(t *testing.T, dir string) (secure, plain string) {
	t.Helper()
	return startNginxLogging(t, dir, "127.0.0.1:1", "crit")
}

func startNginxLogging(t *testing.T, dir, challenges, level string) (secure, plain string) {
	t.Helper()
	work := t.TempDir()
	secure, plain = tiertest.FreeAddr(t), tiertest.FreeAddr(t)
	conf := fmt.Sprintf(`
worker_processes 2;
pid %[1]s/nginx.pid;
error_log stderr %[6]s;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
	map $realpath_root $tls_pair { default $realpath_root; }
	ssl_session_tickets off;
	server {
		listen %[2]s ssl;
		root %[4]s/current/root;
		ssl_certificate $tls_pair/../fullchain.pem;
		ssl_certificate_key $tls_pair/../privkey.pem;
		location = /ok { return 200 "ok\n"; }
	}
	server {
		listen %[3]s;
		location /.well-known/acme-challenge/ { proxy_pass http://%[5]s; }
	}
}`, work, secure, plain, dir, challenges, level)
	file := filepath.Join(work, "nginx.conf")
	write(t, file, []byte(conf))
	tiertest.StartNginx(t, file, secure, func(n *tiertest.Nginx) {
		if text := n.Said(); strings.Contains(text, "[error]") || strings.Contains(text, "[emerg]") {
			t.Errorf("nginx reported errors")
		}
	})
	return secure, plain
}

// While pairs with different keys are switched as fast as the disk allows, every handshake with nginx succeeds, with a pair that was in
// use then, and nginx is not reloaded.
func TestNoHandshakeFailsWhilePairsAreSwitched(t *testing.T) {
	handshakes, dir := 5000, t.TempDir()
	if testing.Short() {
		handshakes = 1000
	}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	root := x509.NewCertPool()
	var pairs []*certificate.Pair
	for range 8 {
		pair, err := selfSigned([]string{"a.example"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		root.AddCert(pair.Leaf())
		pairs = append(pairs, pair)
	}
	if err := f.install(pairs[0], mark{}); err != nil {
		t.Fatal(err)
	}
	addr, _ := startNginx(t, dir, "127.0.0.1:1")

	var seen [8]atomic.Int64
	var failed, done atomic.Int64
	var clients, switcher sync.WaitGroup
	end := make(chan struct{})
	switches := 0
	switcher.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			switches++
			// Each has its own mark, so that it is written again and not found where it was.
			if err := f.install(pairs[switches%8], mark{For: fmt.Sprint(switches)}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 8 {
		clients.Go(func() {
			for done.Add(1) <= int64(handshakes) {
				conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, &tls.Config{RootCAs: root, ServerName: "a.example"})
				if err != nil {
					if failed.Add(1) < 5 {
						t.Errorf("a handshake failed: %v", err)
					}
					continue
				}
				for i, pair := range pairs {
					if pair.Leaf().Equal(conn.ConnectionState().PeerCertificates[0]) {
						seen[i].Add(1)
					}
				}
				_ = conn.Close()
			}
		})
	}
	clients.Wait()
	close(end)
	switcher.Wait()
	for i := range seen {
		if seen[i].Load() == 0 {
			t.Errorf("pair %d was never used", i)
		}
	}
	t.Logf("%d handshakes, %d failed, %d switches", handshakes, failed.Load(), switches)
	f.prune(time.Now().Add(2 * lingering))
	if entries, err := os.ReadDir(filepath.Join(dir, pairsDir)); err != nil || len(entries) != 1 {
		t.Errorf("%d pairs are kept, %v", len(entries), err)
	}
	pairIn(t, dir)
}

// From the first boot to the renewal with nginx in front: it answers with the placeholder, passes Pebble's challenges on, and uses what
// comes without a reload.
func TestACMEThroughNginx(t *testing.T) {
	tiertest.NginxCommand(t) // or skip before a port is taken
	t.Parallel()
	challenges := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	dir := t.TempDir()
	secure, plain := startNginx(t, dir, challenges)
	_, port, err := net.SplitHostPort(plain)
	if err != nil {
		t.Fatal(err)
	}
	p := startPebbleFor(t, time.Hour, port)
	p.away.Store(true)
	r := start(t, p.config(t, dir, "CHALLENGE_ADDR", challenges))
	r.until(t, "the failure", func(s certificate.Status) bool { return s.Failures == 1 })
	subject := func(roots *x509.CertPool) string {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", secure, &tls.Config{RootCAs: roots, ServerName: "a.example", InsecureSkipVerify: roots == nil})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.String()
	}
	if got := subject(nil); got != "CN=stackctl placeholder,O=stackctl" {
		t.Errorf("at first nginx has %s", got)
	}
	r.stop()
	p.away.Store(false)
	if err := os.Remove(filepath.Join(dir, attemptsFile)); err != nil {
		t.Fatal(err)
	}
	r = start(t, p.config(t, dir, "CHALLENGE_ADDR", challenges))
	r.until(t, "a certificate", isReal)
	content, err := os.ReadFile(p.roots)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(content) {
		t.Fatal(err)
	}
	_ = subject(roots) // it verifies
}

// A location without a handler serves files below `root`. None is there, whatever path is requested.
func TestNginxServesNoFileOfThePair(t *testing.T) {
	dir := t.TempDir()
	r := start(t, configFor(t, dir))
	r.until(t, "a certificate", func(s certificate.Status) bool { return s.Issuer != "" })
	addr, _ := startNginxQuiet(t, dir)
	for _, path := range []string{"/privkey.pem", "/../privkey.pem", "/%2e%2e/privkey.pem", "/..%2fprivkey.pem", "//../privkey.pem", "/x/../../privkey.pem", "/", "/.."} {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path)
		var answer bytes.Buffer
		_, _ = answer.ReadFrom(conn)
		_ = conn.Close()
		if text := answer.String(); strings.Contains(text, "PRIVATE KEY") || strings.HasPrefix(text, "HTTP/1.1 2") || !strings.HasPrefix(text, "HTTP/1.1 4") {
			t.Errorf("%s: %.60q", path, text)
		}
		tellsNoKey(t, dir, path, answer.String())
	}
	if resp, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}).Get("https://" + addr + "/ok"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("/ok: %v", err)
	} else {
		_ = resp.Body.Close()
	}
}
