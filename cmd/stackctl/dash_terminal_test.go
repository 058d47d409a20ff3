//go:build unix

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tmux is a real terminal: keys go in, the screen comes out. It has a server of its own.
type tmux struct {
	t      *testing.T
	socket string
}

func newTerminal(t *testing.T, width, height int, command ...string) *tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("needs tmux (Debian: sudo apt-get install tmux)")
	}
	m := &tmux{t: t, socket: filepath.Join(t.TempDir(), "tmux")}
	args := append([]string{"new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height)}, command...)
	m.run(args...)
	t.Cleanup(func() { _ = m.command("kill-server").Run() })
	return m
}

func (m *tmux) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	m.t.Cleanup(cancel)
	return exec.CommandContext(ctx, "tmux", append([]string{"-S", m.socket, "-f", "/dev/null"}, args...)...)
}

func (m *tmux) run(args ...string) string {
	m.t.Helper()
	out, err := m.command(args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (m *tmux) keys(keys ...string) { m.t.Helper(); m.run(append([]string{"send-keys"}, keys...)...) }
func (m *tmux) text(text string)    { m.t.Helper(); m.run("send-keys", "-l", text) }
func (m *tmux) screen() string      { m.t.Helper(); return m.run("capture-pane", "-p") }

// await waits until the screen shows all of the texts.
func (m *tmux) await(texts ...string) string {
	m.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		screen := m.screen()
		missing := ""
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				missing = text
			}
		}
		if missing == "" {
			return screen
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the screen never showed %q:\n%s", missing, screen)
		}
		<-ticker.C
	}
}

// escape presses esc until a text is gone: a key that follows too soon would be read as one with alt.
func (m *tmux) escape(text string) {
	m.t.Helper()
	m.keys("Escape")
	deadline := time.Now().Add(20 * time.Second)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for <-ticker.C; strings.Contains(m.screen(), text); <-ticker.C {
		if time.Now().After(deadline) {
			m.t.Fatalf("esc does not close %q:\n%s", text, m.screen())
		}
	}
}

// modes are what a program could leave behind: the alternate screen, a hidden cursor, a mouse that is not the terminal's.
func (m *tmux) modes() string {
	m.t.Helper()
	return strings.TrimSpace(m.run("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{mouse_button_flag} #{keypad_flag}"))
}

// dashboardIn runs the dashboard in a shell that says how the terminal was before and is after.
func dashboardIn(t *testing.T, project, port string, width, height int, args string) *tmux {
	t.Helper()
	script := fmt.Sprintf(`export COMPOSE_PROJECT_NAME=%s STACKCTL_PORT=%s STACKCTL_HOST_ROOT=%s XDG_STATE_HOME=%s
before=$(stty -g); %s dash %s; echo "exit code $?"; [ "$before" = "$(stty -g)" ] && echo "the terminal is as it was"; exec sleep 60`,
		project, port, hostRoot(), t.TempDir(), webBinary(t), args)
	return newTerminal(t, width, height, "sh", "-c", script)
}

// stackUp starts a stack of the test's own.
func stackUp(t *testing.T) (project, port string) {
	t.Helper()
	needEngine(t)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	project = ownProject(t.Name())
	t.Cleanup(func() { cleanUp(t, project) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if out, err := program(ctx, t, project, port, "up").CombinedOutput(); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	return project, port
}

func visit(t *testing.T, port, requestID string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/count", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Request-ID", requestID)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("visit: %s", response.Status)
	}
}

// TestDashOnARealTerminal goes through a day of an operator: see the count move and a request come in, look into Redis, reset and undo, see a
// replica die, start it again, scale, and leave the terminal as it was.
func TestDashOnARealTerminal(t *testing.T) {
	project, port := stackUp(t)
	m := dashboardIn(t, project, port, 160, 45, "--focus logs")
	m.await("● up", "nginx-1", "redis-1", "web-1", "http://127.0.0.1:"+port)

	visit(t, port, "first-visit")
	visit(t, port, "second-visit")
	m.await("1 visits", " 2 ─╮", "first-visit", "second-visit")

	m.keys("4")
	m.keys("i")
	m.text("GET visits")
	m.keys("Enter")
	m.await("> GET visits", `"2"`)
	m.text("DEL visits")
	m.keys("Enter")
	m.await("! DEL visits ?", "value 2", "y send")
	m.keys("y")
	m.await("(integer) 1", " 0 ─╮")
	m.escape("leave the prompt")
	m.keys("U")
	m.await(" 2 ─╮")

	m.run("set-option", "-s", "set-clipboard", "on")
	m.keys("2")
	m.keys("y")
	m.await("copied: ")
	if copied := m.run("show-buffer"); !strings.HasPrefix(copied, project) { // OSC 52 has reached the terminal
		t.Errorf("copied %q", copied)
	}

	if out, err := exec.CommandContext(t.Context(), "docker", "kill", project+"-web-1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m.await("✖ degraded", "exited (137)", "web-1 died")
	m.keys("2")
	m.keys("G")
	m.keys("a")
	m.await("● up")
	m.keys("G")
	m.keys("+")
	m.await("✔ ready in")
	m.escape("✔ ready in")
	m.await("web-2", "4/4 containers")

	m.keys("q")
	m.await("exit code 0", "the terminal is as it was")
	if modes := m.modes(); modes != "0 1 0 0 0" {
		t.Errorf("what the terminal was left with: %s", modes)
	}
}

// TestDashLeavesTheTerminalAsItWas ends the dashboard in every way there is.
func TestDashLeavesTheTerminalAsItWas(t *testing.T) {
	for name, c := range map[string]struct {
		code int
		end  func(*tmux, int)
	}{
		"q":       {0, func(m *tmux, _ int) { m.keys("q") }},
		"ctrl+c":  {0, func(m *tmux, _ int) { m.keys("C-c") }},
		"SIGTERM": {143, func(_ *tmux, pid int) { _ = syscall.Kill(pid, syscall.SIGTERM) }},
		"SIGHUP":  {129, func(_ *tmux, pid int) { _ = syscall.Kill(pid, syscall.SIGHUP) }},
		"SIGINT":  {130, func(_ *tmux, pid int) { _ = syscall.Kill(pid, syscall.SIGINT) }},
		"SIGSTOP, SIGCONT, q": {0, func(m *tmux, pid int) {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
			m.run("clear-history")
			_ = syscall.Kill(pid, syscall.SIGCONT)
			m.await("1 visits", "2 services")
			m.keys("?")
			m.await("? keys")
			m.escape("? keys")
			m.keys("q")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := dashboardIn(t, ownProject("no-such-project"), "1", 120, 40, "")
			m.await("2 services")
			if modes := m.modes(); !strings.HasPrefix(modes, "1 ") {
				t.Fatalf("the dashboard is not on the alternate screen: %s", modes)
			}
			c.end(m, m.dashboard())
			m.await(fmt.Sprintf("exit code %d\n", c.code), "the terminal is as it was")
			if modes := m.modes(); modes != "0 1 0 0 0" {
				t.Errorf("what the terminal was left with: %s", modes)
			}
		})
	}
}

// dashboard is the process of the dashboard in the terminal.
func (m *tmux) dashboard() int {
	m.t.Helper()
	shell := strings.TrimSpace(m.run("display-message", "-p", "#{pane_pid}"))
	children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%[1]s/children", shell))
	var pid int
	if err == nil {
		_, err = fmt.Sscan(string(children), &pid)
	}
	if err != nil {
		m.t.Fatalf("finding the dashboard under shell %s: %v", shell, err)
	}
	return pid
}

// TestDashShowsWarnings: what the parser of Compose files warns of is an event of the dashboard, and not written over it.
func TestDashShowsWarnings(t *testing.T) {
	dir := t.TempDir()
	file, told := filepath.Join(dir, "compose.yaml"), filepath.Join(dir, "told")
	if err := os.WriteFile(file, []byte("services: {a: {image: x, environment: {A: \"${NOT_SET}\"}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := dashboardIn(t, "", "1", 120, 40, "-f "+file+" 2> "+told)
	m.await("2 services", `! The "NOT_SET" variable is not set`)
	m.keys("q")
	m.await("exit code 0\n", "the terminal is as it was")
	if text, err := os.ReadFile(told); err != nil || len(text) > 0 {
		t.Errorf("on standard error: %s, %v", text, err)
	}
}
