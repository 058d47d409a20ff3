package certs

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func TestInternal(t *testing.T) {
	dir := t.TempDir()
	cfg := configFor(t, dir, "CERTS_NAMES", "stack.test,10.1.2.3", "LOG_LEVEL", "debug")
	r := start(t, cfg)
	s := r.until(t, "a certificate", func(s certificate.Status) bool { return s.Issuer == certificate.Internal })
	want := []string{"stack.test", "localhost", "10.1.2.3", "127.0.0.1", "::1"}
	if !slices.Equal(s.Names, want) || s.Renewals != 1 || s.LastError != "" || len(s.Fingerprint) != 64 || s.KeyKind != "ECDSA P-256" {
		t.Errorf("got %+v", s)
	}
	if lifetime := s.NotAfter.Sub(s.NotBefore); lifetime != leafLifetime || s.NextRenewal.Sub(s.NotBefore) != lifetime/3*2 {
		t.Errorf("it is valid for %s, and renewed after %s", lifetime, s.NextRenewal.Sub(s.NotBefore))
	}
	trusts(t, dir, filepath.Join(dir, rootFile), want...)

	if code, body := get(t, r.Addr(), "/healthz"); code != 200 || !strings.HasPrefix(body, "ok: internal until 20") {
		t.Errorf("/healthz: %d %q", code, body)
	}
	_, metrics := get(t, r.Addr(), "/metrics")
	for _, line := range []string{`stackctl_certificate_info{configured="internal",issuer="internal"} 1`, "stackctl_certificate_renewals_total 1", "stackctl_certificate_failing 0", "stackctl_certificate_left_seconds 7.7"} {
		if !strings.Contains(metrics, line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	tellsNoKey(t, dir, "/metrics", metrics)
	tellsNoKey(t, dir, "the log", r.log.String())
	status, err := os.ReadFile(filepath.Join(dir, certificate.StatusFile))
	if err != nil {
		t.Fatal(err)
	}
	tellsNoKey(t, dir, "status.json", string(status))

	// A restart changes nothing.
	r.stop()
	before := pairIn(t, dir)
	r = start(t, cfg)
	tiertest.WaitFor(t, "the second one", func() bool { code, _ := get(t, r.Addr(), "/healthz"); return code == 200 })
	if s := r.status(t); s.Renewals != 0 || string(before.Certificate[0]) != string(pairIn(t, dir).Certificate[0]) {
		t.Errorf("a restart took another pair into use: %+v", s)
	}
	r.stop()

	// Another name means another certificate, of the same authority.
	root, err := os.ReadFile(filepath.Join(dir, rootFile))
	if err != nil {
		t.Fatal(err)
	}
	r = start(t, configFor(t, dir, "CERTS_NAMES", "other.test"))
	r.until(t, "a certificate for the other name", func(s certificate.Status) bool { return slices.Contains(s.Names, "other.test") })
	trusts(t, dir, filepath.Join(dir, rootFile), "other.test")
	if again, err := os.ReadFile(filepath.Join(dir, rootFile)); err != nil || string(again) != string(root) {
		t.Errorf("the authority changed: %v", err)
	}
	r.stop()
}

// The tier's group, which is nginx's, may read the pair, and nothing private; others read what is public.
func TestModes(t *testing.T) {
	dir := t.TempDir()
	r := start(t, configFor(t, dir))
	r.until(t, "a certificate", func(s certificate.Status) bool { return s.Issuer != "" })
	r.stop()
	want := map[string]fs.FileMode{
		"pairs": fs.ModeDir | 0o750, "private": fs.ModeDir | 0o700, "private/authority.pem": 0o600, "root.pem": 0o644, "status.json": 0o644, "private/lock": 0o600,
	}
	target, err := os.Readlink(filepath.Join(dir, currentLink))
	if err != nil {
		t.Fatal(err)
	}
	want[target], want[target+"/root"] = fs.ModeDir|0o750, fs.ModeDir|0o750
	want[target+"/fullchain.pem"], want[target+"/privkey.pem"], want[target+"/pair.json"] = 0o644, 0o640, 0o644
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || name == "." || name == currentLink {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode() != want[name] {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want[name])
		}
		delete(want, name)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("missing: %v, %v", want, err)
	}
}

// A damaged authority is not replaced in silence: everyone would have to trust another one.
func TestADamagedAuthority(t *testing.T) {
	dir := t.TempDir()
	r := start(t, configFor(t, dir))
	r.until(t, "a certificate", func(s certificate.Status) bool { return s.Issuer != "" })
	r.stop()
	file := filepath.Join(dir, authorityFile)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{"empty": "", "cut off": string(content[:len(content)/2]), "no certificate": string(content[len(content)*3/4:])} {
		write(t, file, []byte(bad))
		_, err := New(configFor(t, dir), &tiertest.Log{})
		if err == nil || !strings.Contains(err.Error(), "restore the file") || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v", name, err)
		} else {
			tellsNoKey(t, dir, "the error", err.Error())
		}
	}
}

func TestTwoTiersOnOneFolder(t *testing.T) {
	dir := t.TempDir()
	first := start(t, configFor(t, dir))
	first.until(t, "a certificate", func(s certificate.Status) bool { return s.Issuer != "" })
	second := start(t, configFor(t, dir, "CERTS_NAMES", "second.test"))
	tiertest.WaitFor(t, "the second one to wait", func() bool { return strings.Contains(second.log.String(), "waiting for another certs tier") })
	if s := first.status(t); slices.Contains(s.Names, "second.test") {
		t.Errorf("both write: %+v", s)
	}
	first.stop()
	second.until(t, "the second one", func(s certificate.Status) bool { return slices.Contains(s.Names, "second.test") })
}

func TestConfigFromEnv(t *testing.T) {
	_, err := ConfigFromEnv(func(name string) string {
		return map[string]string{
			"CERTS_ISSUER": "letsencrypt", "CERTS_NAMES": "a.example,b_c!", "CERTS_DIR": "certs", "ACME_DIRECTORY": "http://ca.example", "ACME_EMAIL": "Me <me@x>", "LISTEN_ADDR": "9103", "LOG_LEVEL": "info+3",
		}[name]
	})
	for _, name := range []string{"CERTS_ISSUER", "CERTS_NAMES", "CERTS_DIR", "ACME_DIRECTORY", "ACME_EMAIL", "LISTEN_ADDR", "LOG_LEVEL"} {
		if err == nil || !strings.Contains(err.Error(), "reading "+name+" ") {
			t.Errorf("the error lacks %s: %v", name, err)
		}
	}
	for names, want := range map[string]string{"": "needs the domain", "*.example.org": "without wildcards", "localhost": "public", "10.0.0.1": "public"} {
		_, err := ConfigFromEnv(func(name string) string {
			return map[string]string{"CERTS_ISSUER": "acme", "CERTS_NAMES": names}[name]
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ACME for %q: got %v", names, err)
		}
	}
	cfg, err := ConfigFromEnv(func(name string) string {
		return map[string]string{"CERTS_NAMES": "B.example., a.example,b.example ::1 0:0:0:0:0:0:0:1"}[name]
	})
	if err != nil || !slices.Equal(cfg.Names, []string{"b.example", "a.example", "::1"}) {
		t.Errorf("got %v, %v", cfg.Names, err)
	}
}
