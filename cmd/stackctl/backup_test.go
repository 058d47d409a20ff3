package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/backup"
	"stackctl.dev/stackctl/internal/loadtest"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/store"
)

// contents are all keys of a project's Redis: the time at which each ends, and the bytes that DUMP has of it.
func contents(t *testing.T, eng *engine.Engine, project string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := store.Connect(ctx, store.Reach(eng, project))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	do := func(args ...string) store.Reply {
		reply, err := conn.Do(ctx, args...)
		if err == nil {
			err = reply.Err()
		}
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return reply
	}
	found := map[string]string{}
	for _, key := range do("KEYS", "*").Elems {
		content := fmt.Sprintf("%x", do("DUMP", key.Text).Text)
		if do("TYPE", key.Text).Text == "set" { // its members have no order
			var members []string
			for _, member := range do("SMEMBERS", key.Text).Elems {
				members = append(members, member.Text)
			}
			slices.Sort(members)
			content = fmt.Sprint(members)
		}
		found[key.Text] = fmt.Sprintf("%d %s", do("PEXPIRETIME", key.Text).Int, content)
	}
	return found
}

// fillStore writes a key of each kind, some with an end.
func fillStore(t *testing.T, project, port string) {
	t.Helper()
	for _, line := range []string{
		"SET text hello", "SET later x EX 3600", "SETBIT bits 1000 1", "HSET hash a 1 b 2", "SADD set a b c", "SADD numbers 1 2 3", "ZADD sorted 1.5 a 2 b",
		"RPUSH list a b c", "XADD stream 1-1 a b", "XADD stream 1-2 c d", "XGROUP CREATE stream readers 1-1", "PFADD log a b", "GEOADD places 13.4 52.5 berlin",
		"HSET ending a 1", "PEXPIRE ending 7200000",
	} {
		must(t, project, port, append([]string{"redis"}, strings.Fields(line)...)...)
	}
}

func visitsOf(t *testing.T, project, port string) int64 {
	t.Helper()
	out, err := program(t.Context(), t, project, port, "get", store.VisitsKey).Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func visitOnce(t *testing.T, port string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} // it may be sent on to HTTPS
	response, err := client.Get("http://127.0.0.1:" + port + "/count")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, _ = io.Copy(io.Discard, response.Body); response.StatusCode != http.StatusOK {
		t.Fatalf("a visit: %s", response.Status)
	}
}

func ports(t *testing.T, n int) (found []string) {
	t.Helper()
	for range n {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, port)
	}
	return found
}

// saved is a project with data of each kind, and a backup of it.
type saved struct {
	project, port   string
	file, passwords string
}

func save(t *testing.T, name string, up ...string) saved {
	t.Helper()
	s := saved{project: ownProject(name), port: ports(t, 1)[0], file: filepath.Join(t.TempDir(), "b.tar"), passwords: filepath.Join(t.TempDir(), "passphrase")}
	if err := os.WriteFile(s.passwords, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanUp(t, s.project) })
	must(t, s.project, s.port, append([]string{"up"}, up...)...)
	fillStore(t, s.project, s.port)
	for range 3 {
		visitOnce(t, s.port)
	}
	must(t, s.project, s.port, "backup", "--passphrase-file", s.passwords, s.file)
	return s
}

// restore runs the command for a project.
func (s saved) restore(t *testing.T, project, port string, args ...string) (string, error) {
	t.Helper()
	out, err := program(t.Context(), t, project, port, append([]string{"restore", "--passphrase-file", s.passwords, "--port", port}, args...)...).CombinedOutput()
	return string(out), err
}

// A backup makes another project the same as the first: keys and their ends, counter, passwords, certificate, features, replicas. What is
// restored goes on counting.
func TestBackup(t *testing.T) {
	needEngine(t)
	free := ports(t, 3)
	s := save(t, "backup", "--with", "tls", "--tls-port", free[0], "--without", "limits", "--scale", "web=2")
	if info, err := os.Stat(s.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	to, port := ownProject("backup-to"), free[1]
	t.Cleanup(func() { cleanUp(t, to) })
	if out, err := s.restore(t, to, port, "--tls-port", free[2], s.file); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	eng := connected(t)
	want, got := contents(t, eng, s.project), contents(t, eng, to)
	for key, content := range want {
		if got[key] != content && !strings.HasPrefix(key, "{visits}:") { // there the new replicas have put themselves
			t.Errorf("key %q is %s, want %s", key, got[key], content)
		}
	}
	t.Logf("%d keys are the same", len(want))
	had, has := look(t, s.project), look(t, to)
	if a, b := kept.VaultOf(had), kept.VaultOf(has); a == nil || b == nil || fmt.Sprint(a.Hashes) != fmt.Sprint(b.Hashes) {
		t.Errorf("the passwords are others: %v, %v", a, b)
	}
	for _, service := range []string{"web", "tls", "certs", "nginx", "redis"} {
		if a, b := len(had.Of(service)), len(has.Of(service)); a != b {
			t.Errorf("service %s has %d replicas, want %d", service, b, a)
		}
	}
	if a, b := must(t, s.project, s.port, "cert", "root"), must(t, to, port, "cert", "root"); a != b {
		t.Error("the certificates are others")
	}
	if out := must(t, to, port, "up"); !strings.Contains(out, "nothing changed") {
		t.Errorf("an up changes something:\n%s", out)
	}
	if n := visitsOf(t, to, port); n != 3 {
		t.Errorf("there are %d visits, want 3", n)
	}
	if visitOnce(t, port); visitsOf(t, to, port) != 4 {
		t.Error("it does not go on counting")
	}
	s.during(t, to, port, free[2])
	s.refuses(t, to, port)
	s.again(t, to, port, free[2])
}

// again interrupts a restore after it has removed what there was: the same command finishes it.
func (s saved) again(t *testing.T, to, port, tlsPort string) {
	t.Helper()
	args := []string{"restore", "--yes", "--passphrase-file", s.passwords, "--port", port, "--tls-port", tlsPort, s.file}
	first := program(t.Context(), t, to, port, args...)
	var said lockedBuffer
	first.Stderr = &said
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	said.await(t, "create volume")
	_ = first.Process.Signal(os.Interrupt)
	if err := first.Wait(); err == nil || !strings.Contains(said.b.String(), "run the same command again") {
		t.Errorf("%v\n%s", err, said.b.String())
	}
	must(t, to, port, args...)
	if n := visitsOf(t, to, port); n != 3 {
		t.Errorf("there are %d visits, want 3", n)
	}
}

// during makes a backup under load, and replaces a project by it: the counter has a number of that time.
func (s saved) during(t *testing.T, to, port, tlsPort string) {
	t.Helper()
	load := loadtest.Start(t.Context(), loadtest.Target{URL: "http://127.0.0.1:" + s.port + "/count", Rate: 100, Follow: true})
	before := visitsOf(t, s.project, s.port)
	file := filepath.Join(t.TempDir(), "during.tar")
	must(t, s.project, s.port, "backup", "--passphrase-file", s.passwords, file)
	after := visitsOf(t, s.project, s.port)
	report := load.Stop(t.Context())
	if report.All.Failed > 0 {
		t.Errorf("of %d requests %d failed: %v", report.All.Requests, report.All.Failed, report.All.Reasons)
	}
	out, err := s.restore(t, to, port, "--tls-port", tlsPort, file)
	if err == nil || !strings.Contains(out, "--yes") {
		t.Errorf("it did not ask: %v\n%s", err, out)
	}
	if out, err := s.restore(t, to, port, "--tls-port", tlsPort, "--yes", file); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := visitsOf(t, to, port)
	t.Logf("%d visits before, %d in the backup, %d after", before, n, after)
	if n < before || n > after {
		t.Errorf("the backup has %d visits, want %d to %d", n, before, after)
	}
}

// refuses tries files that are not whole: nothing is changed.
func (s saved) refuses(t *testing.T, to, port string) {
	t.Helper()
	content, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(content)
	changed[len(changed)/2] ^= 1
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := idsOf(look(t, to))
	for name, try := range map[string]struct {
		content    []byte
		args       []string
		want       string
		passphrase string
	}{
		"truncated":           {content: content[:len(content)*2/3], want: "it was cut off"},
		"changed":             {content: changed, want: "checking the backup"},
		"empty":               {content: nil, want: "it is empty"},
		"a wrong passphrase":  {content: content, passphrase: other, want: "the passphrase is not the one"},
		"no terminal to ask":  {content: content, passphrase: "-", want: "--passphrase-file"},
		"a file of this test": {content: []byte(strings.Repeat("package main\n", 100)), want: "it is no backup"},
	} {
		file := filepath.Join(t.TempDir(), "bad.tar")
		if err := os.WriteFile(file, try.content, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"restore", "--yes", "--passphrase-file", s.passwords, file}
		switch try.passphrase {
		case "":
		case "-":
			args = []string{"restore", "--yes", file}
		default:
			args[3] = try.passphrase
		}
		out, err := program(t.Context(), t, to, port, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), try.want) {
			t.Errorf("%s: %v, want %q\n%s", name, err, try.want, out)
		}
	}
	if after := idsOf(look(t, to)); !slices.Equal(before, after) {
		t.Errorf("containers were %v, are %v", before, after)
	}
}

func idsOf(o *observe.Observed) (found []string) {
	for _, c := range o.Containers {
		found = append(found, c.ID)
	}
	slices.Sort(found)
	return found
}

// A backup without secrets says so, and new passwords are made of it.
func TestBackupWithoutSecrets(t *testing.T) {
	needEngine(t)
	s := save(t, "backup-open")
	for _, args := range [][]string{{"backup", filepath.Join(t.TempDir(), "x.tar")}, {"backup", "--without-secrets", s.file}} {
		out, err := program(t.Context(), t, s.project, s.port, args...).CombinedOutput()
		if err == nil {
			t.Errorf("%v succeeded", args)
		}
		for _, want := range map[string][]string{"": {"--passphrase-file", "--without-secrets"}, "--without-secrets": {"--yes", "exists"}}[strings.Join(args[1:len(args)-1], "")] {
			if !strings.Contains(string(out), want) {
				t.Errorf("%v does not say %q:\n%s", args, want, out)
			}
		}
	}
	pipe := program(t.Context(), t, s.project, s.port, "backup", "--without-secrets", "-")
	file, err := os.Create(s.file)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var said lockedBuffer
	pipe.Stdout, pipe.Stderr = file, &said
	if err := pipe.Run(); err != nil || !strings.Contains(said.b.String(), "without passwords and certificates") {
		t.Fatalf("%v\n%s", err, said.b.String())
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if m, err := backup.Verify(file); err != nil || m.Has(backup.Secrets) {
		t.Fatalf("%+v, %v", m, err)
	}
	vault := kept.VaultOf(look(t, s.project))
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	// Over the project itself, and by standard input.
	restore := program(t.Context(), t, s.project, s.port, "restore", "--yes", "-")
	restore.Stdin = file
	if out, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if again := kept.VaultOf(look(t, s.project)); again == nil || fmt.Sprint(again.Hashes) == fmt.Sprint(vault.Hashes) {
		t.Errorf("the passwords are the same: %v", again)
	}
	if n := visitsOf(t, s.project, s.port); n != 3 {
		t.Errorf("there are %d visits, want 3", n)
	}
}
