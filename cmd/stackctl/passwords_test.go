//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/loadtest"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
)

// counted loads /count while do runs, and demands that no visit failed and none was lost or counted twice.
func counted(t *testing.T, project, port string, do func()) {
	t.Helper()
	before := strings.TrimSpace(must(t, project, port, "get", "visits"))
	load := loadtest.Start(t.Context(), loadtest.Target{URL: "http://127.0.0.1:" + port + "/count", Rate: 100})
	do()
	r := load.Stop(t.Context()).All
	var was, is int
	_, _ = fmt.Sscan(before, &was) // none yet is 0
	if _, err := fmt.Sscan(must(t, project, port, "get", "visits"), &is); err != nil {
		t.Fatal(err)
	}
	if r.Failed > 0 || r.Requests == 0 || is-was != int(r.Requests) {
		t.Errorf("of %d requests %d failed, %d were counted: %v", r.Requests, r.Failed, is-was, r)
	} else {
		t.Logf("%d requests, none failed, all counted, longest gap %s", r.Requests, r.LongestGap)
	}
}

// TestRotateUnderLoad gives a stack new passwords while it is used, also in the middle of a rotation that is killed.
func TestRotateUnderLoad(t *testing.T) {
	project, port := stackUp(t)
	must(t, project, port, "scale", "web=2")
	http200(t, "http://127.0.0.1:"+port+"/count")
	first := passwordsOf(t, project)
	counted(t, project, port, func() {
		must(t, project, port, "rotate")
		for i := range times(t, "STACKCTL_KILLS", 4) {
			cmd := program(t.Context(), t, project, port, "rotate")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-time.NewTimer(time.Duration(i+1) * 200 * time.Millisecond).C
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
			must(t, project, port, [][]string{{"rotate"}, {"up", "-d"}}[i%2]...)
		}
	})
	for name, passwords := range passwordsOf(t, project) {
		if len(passwords) != 1 || passwords[0] == first[name][0] {
			t.Errorf("%s: %d passwords, the first one as before: %t", name, len(passwords), passwords[0] == first[name][0])
		}
	}
	if out := must(t, project, port, "up", "-d"); !strings.Contains(out, "nothing changed") {
		t.Errorf("up has something to do:\n%s", out)
	}
}

// http200 waits until a URL answers.
func http200(t *testing.T, url string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "curl", "-fsS", "--max-time", "10", url).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", url, err, out)
	}
}

func passwordsOf(t *testing.T, project string) kept.Secrets {
	t.Helper()
	vault := kept.VaultOf(look(t, project))
	if vault == nil {
		t.Fatal("there is no vault")
	}
	secrets, err := vault.Read(t.Context(), connected(t))
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

// TestPasswordsComeToARunningStack gives a stack without passwords, as those of earlier releases are, its passwords while it is used.
func TestPasswordsComeToARunningStack(t *testing.T) {
	needEngine(t)
	project := ownProject("passwords-come")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanUp(t, project) })
	dir := t.TempDir()
	if err := os.CopyFS(dir, assets.FS); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "compose.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	full := strings.Replace(string(content), "  web:\n", "  web:\n    scale: 3\n", 1)
	before := strings.NewReplacer(
		", user: operator, password: redis_operator}", "}", "      REDIS_USERNAME: web\n", "", "      REDIS_PASSWORD_FILE: /run/secrets/redis_web\n", "",
		`    secrets: [{source: redis_web, uid: "65532", gid: "65532", mode: 0400}]`+"\n", "", " --aclfile /etc/redis/users.acl", "",
		"    configs:\n      - {source: redis_users, target: /etc/redis/users.acl, uid: \"999\", gid: \"1000\", mode: 0400}\n", "",
	).Replace(full)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(before)
	must(t, project, port, "-f", file, "up", "-d")
	if out := must(t, project, port, "-f", file, "redis", "ACL", "WHOAMI"); strings.TrimSpace(out) != "default" {
		t.Errorf("before, it has users: %s", out)
	}
	write(full)
	counted(t, project, port, func() {
		must(t, project, port, "-f", file, "up", "-d")
	})
	if out := must(t, project, port, "-f", file, "redis", "ACL", "WHOAMI"); strings.TrimSpace(out) != "operator" {
		t.Errorf("after, one is %s", out)
	}
}

// TestWithoutAPassword runs redis-cli in the project's network: nothing is answered, and a password is good for its user's rights alone.
func TestWithoutAPassword(t *testing.T) {
	project, port := stackUp(t)
	http200(t, "http://127.0.0.1:"+port+"/count")
	secrets := passwordsOf(t, project)
	image := hostRedis(t)
	cli := func(user string, command ...string) string {
		t.Helper()
		args := []string{"run", "--rm", "--network", project + "_default", "--entrypoint", "redis-cli", "-e", "REDISCLI_AUTH", image, "-h", "redis"}
		cmd := exec.CommandContext(t.Context(), "docker", append(args, command...)...)
		if user != "" {
			cmd.Args = append(cmd.Args[:len(args)+1], append([]string{"--user", user}, command...)...)
			cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+secrets["redis_"+user][0])
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for _, c := range []struct{ user, command, answer string }{
		{"", "GET visits", "NOAUTH"}, {"", "INCR visits", "NOAUTH"}, {"", "INFO", "NOAUTH"}, {"", "FLUSHALL", "NOAUTH"}, {"", "PING", "NOAUTH"}, {"", "ACL LOAD", "NOAUTH"}, {"", "CLIENT LIST", "NOAUTH"},
		{"web", "GET visits", "1"}, {"web", "GET other", "NOPERM"}, {"web", "FLUSHALL", "NOPERM"}, {"web", "KEYS *", "NOPERM"}, {"web", "CONFIG GET dir", "NOPERM"}, {"web", "EVAL return(redis.call('GET','other')) 0", "ERR"},
		{"metrics", "INFO server", "# Server"}, {"metrics", "GET visits", "NOPERM"}, {"metrics", "CONFIG GET dir", "NOPERM"},
		{"operator", "GET visits", "1"}, {"operator", "ACL SETUSER default on", "NOPERM"}, {"operator", "ACL LOAD", "NOPERM"}, {"operator", "ACL LIST", "NOPERM"},
		{"admin", "ACL LOAD", "OK"}, {"admin", "GET visits", "NOPERM"}, {"admin", "ACL SETUSER default on", "NOPERM"}, {"admin", "ACL LIST", "NOPERM"},
	} {
		if got := cli(c.user, strings.Fields(c.command)...); !strings.HasPrefix(got, c.answer) {
			t.Errorf("%s as %q: %s, want %s", c.command, c.user, got, c.answer)
		}
	}
	// From the host too, where a bridge's network is reached.
	for _, c := range look(t, project).Of("redis") {
		for _, address := range c.Addresses {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort(address.String(), "6379"))
			if err != nil {
				t.Logf("not reached from here: %v", err)
				continue
			}
			_, _ = conn.Write([]byte("GET visits\r\n"))
			answer := make([]byte, 64)
			n, _ := conn.Read(answer)
			_ = conn.Close()
			if !strings.HasPrefix(string(answer[:n]), "-NOAUTH") {
				t.Errorf("from the host: %q", answer[:n])
			}
		}
	}
}

// TestPasswordsAreNowhere looks for each password wherever something is shown.
func TestPasswordsAreNowhere(t *testing.T) {
	project, port := stackUp(t)
	must(t, project, port, "up", "--with", "database")
	http200(t, "http://127.0.0.1:"+port+"/count")
	seen := passwordsOf(t, project)
	must(t, project, port, "rotate")
	for name, passwords := range passwordsOf(t, project) {
		seen[name] = append(seen[name], passwords...)
	}
	shown := map[string]string{}
	eng := connected(t)
	for _, c := range append(look(t, project).Containers, look(t, project).Kept...) {
		info, err := eng.ContainerInspect(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(info)
		if err != nil {
			t.Fatal(err)
		}
		labels, _ := json.Marshal(c.Labels)
		shown["inspect and labels of "+c.Name] = string(encoded) + string(labels)
		if !c.Running() {
			continue
		}
		for _, file := range []string{"cmdline", "environ"} {
			content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", info.State.Pid, file))
			if err != nil {
				t.Logf("not looked at: %v", err)
			}
			shown[file+" of "+c.Name] = string(content)
		}
	}
	for _, args := range [][]string{
		{"logs"}, {"history", "--format", "json"}, {"history", "--revisions", "--format", "json"}, {"config"}, {"config", "--format", "json"}, {"plan", "--format", "json"},
		{"ps", "-a", "--format", "json"}, {"events", "--json", "--since", "10m", "--until", "0s"}, {"doctor", "--format", "json"}, {"dash", "--once", "--format", "json"},
		{"--progress", "json", "up", "-d", "--force-recreate"}, {"redis", "CONFIG", "GET", "*"}, {"redis", "CLIENT", "LIST"}, {"redis", "SLOWLOG", "GET"}, {"rollout"},
	} {
		shown[strings.Join(args, " ")] = must(t, project, port, args...)
	}
	// Errors: of a web tier that has another password, and of commands that cannot log in.
	must(t, project, port, "kill", "redis")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, args := range [][]string{{"get", "visits"}, {"rotate"}, {"redis", "PING"}} {
		out, err := program(ctx, t, project, port, args...).CombinedOutput()
		if err == nil {
			t.Errorf("%v succeeds without Redis: %s", args, out)
		}
		shown["error of "+strings.Join(args, " ")] = string(out)
	}
	for where, text := range shown {
		for name, passwords := range seen {
			for _, password := range passwords {
				if strings.Contains(text, password) {
					t.Errorf("%s: it has %s", where, name)
				}
			}
		}
	}
	if len(seen) != 6 || len(shown) < 20 {
		t.Errorf("looked for %d passwords in %d places", len(seen), len(shown))
	}
}
