package certs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// filesIn are the user's files in a folder; put replaces both.
type filesIn struct{ cert, key string }

func newFiles(t *testing.T) filesIn {
	dir := t.TempDir()
	return filesIn{filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")}
}

func (f filesIn) put(t *testing.T, cert, key *certificate.Pair) {
	t.Helper()
	write(t, f.cert, cert.ChainPEM())
	write(t, f.key, key.KeyPEM())
}

func pairFor(t *testing.T, now time.Time, names ...string) *certificate.Pair {
	t.Helper()
	pair, err := selfSigned(names, now)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// The user's files are followed: good ones are used within half a minute, others are reported, and what is in use stays.
func TestFilesAreFollowed(t *testing.T) {
	dir, files := t.TempDir(), newFiles(t)
	synctest.Test(t, func(t *testing.T) {
		first, second := pairFor(t, time.Now(), "a.example", "b.example"), pairFor(t, time.Now(), "a.example")
		k, log := newTestKeeper(t, dir, &userFiles{cert: files.cert, key: files.key, names: []string{"a.example"}})
		k.cfg.Issuer = certificate.Files
		is := func(step string, want *certificate.Pair, renewals int, problem string) {
			t.Helper()
			keepFor(t, k, filesEvery+time.Second)
			s := k.Status()
			if s.Renewals != renewals || (s.LastError == "") != (problem == "") || !strings.Contains(s.LastError, problem) {
				t.Errorf("%s: %+v", step, s)
			}
			if want == nil {
				if s.Issuer != "" {
					t.Errorf("%s: there is %+v", step, s)
				}
			} else if s.Fingerprint != want.Fingerprint() || s.Issuer != certificate.Files || !slices.Equal(s.Names, want.Names()) {
				t.Errorf("%s: got %+v", step, s)
			}
		}
		is("no files", nil, 0, "reading the certificate: open "+files.cert)
		files.put(t, first, second)
		is("not a pair", nil, 0, "belongs to another certificate")
		files.put(t, first, first)
		is("good", first, 1, "")
		is("the same", first, 1, "")
		files.put(t, second, first)
		is("half replaced", first, 1, "belongs to another certificate")
		files.put(t, second, second)
		is("replaced", second, 2, "")
		for step, bad := range map[string]*certificate.Pair{
			"expired at": pairFor(t, time.Now().Add(-91*day), "a.example"), "is not valid before": pairFor(t, time.Now().Add(day), "a.example"), "is not for a.example": pairFor(t, time.Now(), "c.example"),
		} {
			files.put(t, bad, bad)
			is(step, second, 2, step)
		}
		if err := os.Remove(files.key); err != nil {
			t.Fatal(err)
		}
		before := strings.Count(log.String(), "\n")
		is("gone", second, 2, "reading the private key: open ")
		keepFor(t, k, time.Hour)
		if lines := strings.Count(log.String(), "\n") - before; lines > 3 {
			t.Errorf("one fault has %d lines of log in an hour", lines)
		}
		is("gone for an hour", second, 2, "reading the private key: open ")
		tellsNoKey(t, dir, "the log", log.String())
	})
}

// From files to the project's own authority and back: each time what is in use stays until something good is there.
func TestTheIssuerChanges(t *testing.T) {
	dir, files := t.TempDir(), newFiles(t)
	settings := []string{"CERTS_ISSUER", "files", "CERTS_CERT_FILE", files.cert, "CERTS_KEY_FILE", files.key, "CERTS_NAMES", "a.example"}
	r := start(t, configFor(t, dir, settings...))
	r.until(t, "the failure", func(s certificate.Status) bool { return s.Failures == 1 })
	tiertest.WaitFor(t, "/healthz to tell the reason", func() bool {
		code, body := get(t, r.Addr(), "/healthz")
		return code == 503 && strings.HasPrefix(body, "no certificate: reading the certificate: open ")
	})
	if _, metrics := get(t, r.Addr(), "/metrics"); !strings.Contains(metrics, `stackctl_certificate_info{configured="files",issuer="none"} 1`) || strings.Contains(metrics, "\nstackctl_certificate_left_seconds") {
		t.Error("/metrics has a certificate where there is none")
	}
	r.stop()

	r = start(t, configFor(t, dir, "CERTS_NAMES", "a.example"))
	own := r.until(t, "the authority's", func(s certificate.Status) bool { return s.Issuer == certificate.Internal })
	r.stop()

	r = start(t, configFor(t, dir, settings...))
	s := r.until(t, "the failure", func(s certificate.Status) bool { return s.Failures > 0 })
	if s.Issuer != certificate.Internal || s.Configured != certificate.Files || s.Fingerprint != own.Fingerprint {
		t.Errorf("without the files there is %+v", s)
	}
	r.stop()

	given := pairFor(t, time.Now(), "a.example")
	files.put(t, given, given)
	r = start(t, configFor(t, dir, settings...))
	s = r.until(t, "the files'", func(s certificate.Status) bool { return s.Issuer == certificate.Files })
	if s.Fingerprint != given.Fingerprint() || s.LastError != "" {
		t.Errorf("got %+v", s)
	}
}
