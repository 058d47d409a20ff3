package visits

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/server/visits/visitstest"
)

// The store logs in on each new connection with the password that the file has then. A visit waits while it is the wrong one.
func TestLogIn(t *testing.T) {
	server := visitstest.StartRedis(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer admin.Close()
	user := func(rules ...any) {
		t.Helper()
		if err := admin.Do(t.Context(), append([]any{"ACL", "SETUSER"}, rules...)...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	s := Open(Options{Addr: server.Addr(), Timeout: 10 * time.Second, PoolSize: 4, User: "web", PasswordFile: file}, slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry())
	defer s.Close()
	next := func(want int64) {
		t.Helper()
		if n, err := s.Next(t.Context()); err != nil || n != want {
			t.Fatalf("visit %d: %d, %v", want, n, err)
		}
	}
	next(1) // Redis has no users: it goes on without

	// The console's connection stays; all others are ended.
	user("root", "on", ">root", "~*", "&*", "+@all")
	if err := admin.Close(); err != nil {
		t.Fatal(err)
	}
	admin = redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "root", Password: "root"})
	user("web", "on", ">second", "~visits", "~{visits}:*", "-@all", "+ping", "+eval", "+evalsha", "+get", "+set", "+incrby", "+hget", "+hset", "+type", "+del", "+ttl", "+expire")
	user("default", "off", "resetpass")
	kill := func() {
		t.Helper()
		if err := admin.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			t.Fatal(err)
		}
	}
	kill()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Ping(ctx); fault.Of(err) != fault.WrongPassword {
		t.Errorf("with the wrong password: %v", err)
	}
	waiting := make(chan error, 1)
	go func() { _, err := s.Next(t.Context()); waiting <- err }()
	select {
	case err := <-waiting:
		t.Errorf("a visit does not wait for the right password: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	write("second")
	if err := <-waiting; err != nil {
		t.Errorf("a visit that waited for the right password: %v", err)
	}
	next(3)

	// A user without rights, and a file that is not there.
	user("web", "resetkeys")
	kill()
	if _, err := s.Visits(t.Context()); fault.Of(err) != fault.NoAccess {
		t.Errorf("without rights: %v", err)
	}
	user("web", "~visits", "~{visits}:*")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	kill()
	if err := s.Ping(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without its file: %v", err)
	}
	write("second")
	next(4)
}
