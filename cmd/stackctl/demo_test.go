package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestDemo runs the real program: it says that it is a demonstration, counts, and ends well with Ctrl-C, as `serve` does.
func TestDemo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "stackctl", "demo", "--port", "0")
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nowhere.sock")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("reading the URL: %v", err)
	}
	for _, want := range []string{"This page has been visited 1 times.", "This page has been visited 2 times."} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSpace(url)+"count", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(body) != want {
			t.Errorf("got %q %v, want %q", body, err, want)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(stderr.String(), "This is a demonstration") || !strings.Contains(stderr.String(), "Nothing is kept") {
		t.Errorf("it says %q", stderr.String())
	}
}
