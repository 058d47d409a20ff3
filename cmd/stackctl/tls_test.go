//go:build unix

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/loadtest"
)

// The running stack speaks TLS as scanners want it, and a real browser that trusts the project's authority shows the page.
func TestTLSToScannersAndBrowsers(t *testing.T) {
	needEngine(t)
	t.Parallel()
	project, port, tlsPort := upWithTLS(t, "tls")
	root := must(t, project, port, "cert", "root")
	file := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(file, []byte(root), 0o600); err != nil {
		t.Fatal(err)
	}

	t.Run("sslscan", func(t *testing.T) {
		out := runTool(t, nil, "sslscan", "--no-colour", "--no-failed", "127.0.0.1:"+tlsPort)
		for _, line := range strings.Split(out, "\n") {
			fields := strings.Fields(line)
			switch {
			case len(fields) >= 2 && fields[1] == "enabled" && fields[0] != "TLSv1.2" && fields[0] != "TLSv1.3" && strings.ContainsAny(fields[0], "Vv"):
				t.Errorf("it speaks %s", fields[0])
			case len(fields) >= 5 && (fields[0] == "Preferred" || fields[0] == "Accepted"):
				if cipher := fields[4]; !strings.Contains(cipher, "GCM") && !strings.Contains(cipher, "CHACHA20") {
					t.Errorf("it takes cipher %s", cipher)
				}
			case strings.Contains(line, "vulnerable to heartbleed") && !strings.Contains(line, "not vulnerable"):
				t.Error(line)
			}
		}
		if !strings.Contains(out, "TLSv1.3   enabled") || !strings.Contains(out, "TLSv1.2   enabled") {
			t.Errorf("it does not speak TLS 1.2 and 1.3:\n%s", out)
		}
	})

	t.Run("chromium", func(t *testing.T) {
		show := func(home string) string {
			return runTool(t, []string{"HOME=" + home}, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+filepath.Join(home, "data"), "--dump-dom", "https://localhost:"+tlsPort+"/")
		}
		if page := show(t.TempDir()); strings.Contains(page, "stackctl") && !strings.Contains(page, "ERR_CERT_AUTHORITY_INVALID") {
			t.Errorf("a browser that does not know the authority shows\n%.500s", page)
		}
		home := t.TempDir()
		database := "sql:" + filepath.Join(home, ".pki", "nssdb")
		if err := os.MkdirAll(filepath.Join(home, ".pki", "nssdb"), 0o700); err != nil {
			t.Fatal(err)
		}
		runTool(t, nil, "certutil", "-d", database, "-N", "--empty-password")
		runTool(t, nil, "certutil", "-d", database, "-A", "-t", "C,,", "-n", "stackctl", "-i", file)
		if page := show(home); !strings.Contains(page, "visit") || strings.Contains(page, "ERR_CERT") {
			t.Errorf("a browser that trusts the authority shows\n%.2000s", page)
		}
	})
}

// The issuer changes while the stack serves: a pair of the user's, an ACME issuer that does not answer, and the project's own authority.
func TestIssuers(t *testing.T) {
	needEngine(t)
	t.Parallel()
	project, port, tlsPort := upWithTLS(t, "issuers")
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, "one"), filepath.Join(dir, "one.key")
	selfSigned(t, dir, "two")

	load := loadtest.Start(t.Context(), loadtest.Target{URL: "https://127.0.0.1:" + tlsPort + "/count", Rate: 50})
	must(t, project, port, "up", "--domain", "example.test", "--tls-cert", cert, "--tls-key", key)
	wantIssuer(t, tlsPort, "one")
	if out, err := program(t.Context(), t, project, port, "up", "--tls-cert", cert, "--tls-key", filepath.Join(dir, "two.key")).CombinedOutput(); err == nil {
		t.Errorf("a key of another certificate is taken:\n%s", out)
	}
	must(t, project, port, "up", "--domain", "example.test", "--tls-issuer", "acme", "--acme-directory", "https://127.0.0.1:1/directory")
	wantIssuer(t, tlsPort, "one") // until the issuer has given another
	must(t, project, port, "up", "--tls-issuer", "internal")
	root := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(root, []byte(must(t, project, port, "cert", "root")), 0o600); err != nil {
		t.Fatal(err)
	}
	wantTrusted(t, tlsPort, root)
	if report := load.Stop(t.Context()); report.All.Failed > 0 || report.All.Requests == 0 {
		t.Errorf("of %d requests %d failed: %v", report.All.Requests, report.All.Failed, report.All.Reasons)
	}
}

// selfSigned writes NAME.pem and NAME.key, a pair for example.test, and returns the certificate's file.
func selfSigned(t *testing.T, dir, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"example.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, name+".pem")
}

// wantIssuer waits until the certificate's issuer has the name.
func wantIssuer(t *testing.T, port, name string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); pause(t.Context(), 100*time.Millisecond) {
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it looks at what it gets
		if err != nil {
			t.Fatal(err)
		}
		got = conn.ConnectionState().PeerCertificates[0].Issuer.CommonName
		_ = conn.Close()
		if got == name {
			return
		}
	}
	t.Errorf("the certificate is from %q, want %q", got, name)
}

// wantTrusted waits until the certificate is one that who trusts the root accepts.
func wantTrusted(t *testing.T, port, root string) {
	t.Helper()
	content, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(content)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); pause(t.Context(), 100*time.Millisecond) {
		var conn *tls.Conn
		if conn, err = tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: pool, ServerName: "example.test"}); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Error(err)
}

// upWithTLS brings up a project of its own with TLS until the end of the test.
func upWithTLS(t *testing.T, name string) (project, port, tlsPort string) {
	t.Helper()
	project = ownProject(name)
	var err error
	if port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	if tlsPort, err = freePort(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanUp(t, project) })
	must(t, project, port, "up", "--with", "tls", "--tls-port", tlsPort)
	return project, port, tlsPort
}

// runTool runs a program that this machine may lack, and returns its standard output.
func runTool(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
