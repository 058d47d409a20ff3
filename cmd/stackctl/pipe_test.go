//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// What a named pipe could keep waiting ends by itself, with an error; a pipe of the shell's is waited for, until a signal.
func TestPipesDoNotHoldACommand(t *testing.T) {
	for place, text := range map[string]string{
		"file": "", "pipe of the shell": "",
		"configs":  "configs: {c: {file: fifo}}\nservices: {a: {image: i, configs: [c]}}\n",
		"secrets":  "secrets: {s: {file: fifo}}\nservices: {a: {image: i, secrets: [s]}}\n",
		"env_file": "services: {a: {image: i, env_file: fifo}}\n",
	} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(place+" "+sig.String(), func(t *testing.T) {
				dir := t.TempDir()
				file := filepath.Join(dir, "compose.yaml")
				if err := errors.Join(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600), os.WriteFile(file, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
				r, w, err := os.Pipe() // nobody ever writes into it
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				defer w.Close()
				want := exitFailed
				switch place {
				case "file":
					file = filepath.Join(dir, "fifo")
				case "pipe of the shell":
					file, want = "/dev/fd/3", 128+int(sig)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				cmd := exec.CommandContext(ctx, "stackctl", "-f", file, "-p", "p", "config")
				var told bytes.Buffer
				cmd.Dir, cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = dir, []*os.File{r}, &told, &told
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if want != exitFailed {
					interruptWhenReading(ctx, t, cmd, sig)
				}
				_ = cmd.Wait()
				if got := cmd.ProcessState.ExitCode(); got != want {
					t.Errorf("exit code %d, want %d\n%s", got, want, told.String())
				}
			})
		}
	}
}

// interruptWhenReading sends the signal once the program has opened its pipe a second time, by which it reads.
func interruptWhenReading(ctx context.Context, t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	fds := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "fd")
	for {
		entries, _ := os.ReadDir(fds)
		pipes := map[string]int{}
		for _, entry := range entries {
			target, _ := os.Readlink(filepath.Join(fds, entry.Name()))
			pipes[target]++
		}
		given, _ := os.Readlink(filepath.Join(fds, "3"))
		if given != "" && pipes[given] > 1 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("the program does not read")
		case <-ticker.C:
		}
	}
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}
