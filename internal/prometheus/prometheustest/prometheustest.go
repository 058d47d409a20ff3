//go:build unix

// Package prometheustest runs a real Prometheus for a test.
package prometheustest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Start runs Prometheus until the test ends, and returns its host:port. The config may name the file rules.yml, which is written beside
// it. Without the program the test is skipped; CI has it.
func Start(t *testing.T, config, rules string) string {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		if home, _ := os.UserCacheDir(); home != "" {
			program = filepath.Join(home, "stackctl", "host", "usr", "bin", "prometheus")
			_, err = os.Stat(program)
		}
	}
	if err != nil {
		t.Skip("there is no program `prometheus`; scripts/host-programs gets it")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"prometheus.yml": config, "rules.yml": rules} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // its data goes anyway
		<-ended
	})
	deadline := time.Now().Add(30 * time.Second)
	for !ready(t.Context(), address) {
		select {
		case <-ended:
			t.Fatalf("prometheus ended: %s", output.String())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("prometheus did not become ready within 30s")
		}
	}
	return address
}

func ready(ctx context.Context, address string) bool {
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/-/ready", nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
