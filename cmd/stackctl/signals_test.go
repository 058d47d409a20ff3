//go:build unix

package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestExitCodeOfSignals: a command that a signal ends says nothing about it, and tells which one it was, as shells do.
func TestExitCodeOfSignals(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(signal.String(), func(t *testing.T) {
			follows := make(chan struct{})
			tell := sync.OnceFunc(func() { close(follows) })
			sound := agreeable(engineOf("web"))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/events") {
					tell()
				}
				sound.ServeHTTP(w, r)
			}))
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var told bytes.Buffer
			cmd := exec.CommandContext(ctx, "stackctl", "-H", "tcp://"+server.Listener.Addr().String(), "-p", "p", "events")
			cmd.Env, cmd.Stderr = append(os.Environ(), "COMPOSE_FILE="), &told
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-follows:
			case <-ctx.Done():
				t.Fatal("it does not follow the events")
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // its state says it
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			got := status.ExitStatus()
			if status.Signaled() {
				got = 128 + int(status.Signal()) // as a shell reports it
			}
			if got != code || told.Len() > 0 {
				t.Errorf("exit code %d, want %d\n%s", got, code, told.String())
			}
		})
	}
}
