package project_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/stack"
)

// guard is as much of a Redis as a rotation needs: it reads its ACL file at its start and at ACL LOAD, and lets users in by it.
type guard struct {
	engine *memory.Engine
	serve  sync.WaitGroup

	mu    sync.Mutex
	name  string
	users string
}

const usersFile = "/etc/redis/users.acl"

func (g *guard) Start(c memory.Container) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.name, g.users = c.Name[strings.IndexByte(c.Name, '_')+1:], c.Files[usersFile] // its name when the one before is gone
	return nil
}
func (*guard) Reload(memory.Container) {}
func (*guard) Stop(bool)               {}
func (*guard) Usage() memory.Usage     { return memory.Usage{} }

// lets reports whether the users that are loaded have the password.
func (g *guard) lets(user, password string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for line := range strings.Lines(g.users) {
		words := strings.Fields(line)
		if len(words) > 1 && words[1] == user && slices.Contains(words, "#"+stack.HashPassword(password)) {
			return true
		}
	}
	return false
}

func (g *guard) Dial(context.Context, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	g.serve.Go(func() { defer ours.Close(); g.answer(ours) })
	return theirs, nil
}

func (g *guard) answer(conn net.Conn) {
	in, admin := bufio.NewReader(conn), false
	for {
		args, err := readCommand(in)
		if err != nil {
			return
		}
		reply := "-NOPERM"
		switch command := strings.Join(args, " "); {
		case args[0] == "AUTH" && g.lets(args[1], args[2]):
			reply, admin = "+OK", args[1] == "admin"
		case args[0] == "AUTH":
			reply = "-WRONGPASS"
		case command == "ACL LOAD" && admin:
			users := g.engine.File(g.name, usersFile)
			g.mu.Lock()
			g.users = users
			g.mu.Unlock()
			reply = "+OK"
		}
		if _, err := io.WriteString(conn, reply+"\r\n"); err != nil {
			return
		}
	}
}

func readCommand(in *bufio.Reader) (args []string, err error) {
	line := func() string {
		var text string
		if err == nil {
			text, err = in.ReadString('\n')
		}
		return strings.TrimSpace(text)
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(line(), "*"))
	for range n {
		line() // the length
		args = append(args, line())
	}
	return args, err
}

// guarded is a stack whose Redis lets users in by its ACL file.
func guarded(t *testing.T) (*world, *guard) {
	t.Helper()
	w := newWorld(t)
	g := &guard{engine: w.engine}
	w.engine.RunImage("redis:8.2.3-alpine", func(string) memory.Program { return memory.Program{Process: g} })
	t.Cleanup(g.serve.Wait)
	w.check(w.up(project.UpOptions{}))
	return w, g
}

func (w *world) anImage() string {
	w.Helper()
	found, err := w.engine.ImageList(w.Context(), image.ListOptions{})
	w.check(err)
	return found[0].ID
}

func (w *world) vault() *kept.Vault {
	w.Helper()
	observed, err := kept.All(w.Context(), w.engine, name)
	w.check(err)
	return kept.VaultOf(observed)
}

const webPassword = "/run/secrets/redis_web"

// A rotation that ends at any of its calls leaves a web tier that Redis lets in, and the next one finishes it.
func TestRotateIsInterrupted(t *testing.T) {
	errCut := errors.New("cut off")
	for at := 1; ; at++ {
		w, g := guarded(t)
		first := w.engine.File("p-web-1", webPassword)
		if !g.lets("web", first) || len(first) != stack.PasswordBytes {
			t.Fatalf("the web tier has the password %q, and Redis %q", first, g.users)
		}
		var calls atomic.Int64
		var mended atomic.Bool
		w.engine.Before(func(context.Context, memory.Call) error {
			if calls.Add(1) >= int64(at) && !mended.Load() {
				return errCut
			}
			return nil
		})
		_, err := w.Rotate(t.Context())
		mended.Store(true)
		if between := w.engine.File("p-web-1", webPassword); !g.lets("web", between) {
			t.Fatalf("cut off at call %d (%v): Redis does not let the web tier in", at, err)
		}
		w.open()
		w.check(w.up(project.UpOptions{})) // it may come in between
		if between := w.engine.File("p-web-1", webPassword); !g.lets("web", between) {
			t.Fatalf("cut off at call %d (%v), and up: Redis does not let the web tier in", at, err)
		}
		if err != nil {
			w.open()
			if _, err := w.Rotate(t.Context()); err != nil {
				t.Fatalf("cut off at call %d, and once more: %v", at, err)
			}
		}
		last := w.engine.File("p-web-1", webPassword)
		if last == first || !g.lets("web", last) || g.lets("web", first) {
			t.Errorf("cut off at call %d: the old password is valid: %t, the new one: %t", at, g.lets("web", first), g.lets("web", last))
		}
		for secret, hashes := range w.vault().Hashes {
			if len(hashes) != 1 {
				t.Errorf("cut off at call %d: the vault has %d passwords of %s", at, len(hashes), secret)
			}
		}
		w.open()
		w.check(w.up(project.UpOptions{}))
		if again := w.engine.File("p-web-1", webPassword); again != last {
			t.Errorf("cut off at call %d: up has changed the password", at)
		}
		if err == nil {
			t.Logf("a rotation takes %d calls", at-1)
			return
		}
	}
}

// The containers that make the stack each have their own password and no other; nothing else of the project has any.
func TestPasswordsAreNotShown(t *testing.T) {
	w, _ := guarded(t)
	secrets, err := w.vault().Read(t.Context(), w.engine)
	w.check(err)
	if len(secrets) != 5 {
		t.Errorf("the vault has %d secrets", len(secrets))
	}
	history, err := w.History(t.Context())
	w.check(err)
	shown := w.engine.Dump() + fmt.Sprint(history)
	for secret, passwords := range secrets {
		if strings.Contains(shown, passwords[0]) {
			t.Errorf("%s is shown", secret)
		}
		if got := w.engine.File("p-web-1", webPassword) == passwords[0]; got != (secret == "redis_web") {
			t.Errorf("the web tier has %s: %t", secret, got)
		}
	}
}

// Without its vault, as after `docker container prune`, a stack gets another one; the web tier keeps its password, and Redis lets it in.
func TestVaultIsLost(t *testing.T) {
	w, g := guarded(t)
	was, web := w.vault(), w.container("web")
	w.check(w.engine.ContainerRemove(t.Context(), was.ID, container.RemoveOptions{}))
	w.open()
	w.check(w.up(project.UpOptions{}))
	password := w.engine.File("p-web-1", webPassword)
	if w.container("web") != web || !g.lets("web", password) {
		t.Errorf("the web tier was recreated: %t; Redis lets it in: %t", w.container("web") != web, g.lets("web", password))
	}
	if now := w.vault(); now.Hashes["redis_web"][0] != was.Hashes["redis_web"][0] || now.Hashes["redis_admin"][0] == was.Hashes["redis_admin"][0] {
		t.Errorf("the vault has %v, after %v", now.Hashes, was.Hashes)
	}
}

// Of two machines that make a vault, the second uses that of the first.
func TestTwoMachinesMakeOneVault(t *testing.T) {
	w := newWorld(t)
	secrets := kept.Secrets{"a": {stack.NewPassword()}}
	image := w.anImage()
	var theirs *kept.Vault
	once := false
	w.engine.Before(func(_ context.Context, call memory.Call) (err error) {
		if call.Method == "ContainerRename" && !once {
			once = true
			theirs, err = kept.StoreIn(t.Context(), w.engine, name, image, kept.Secrets{"a": {stack.NewPassword()}}, nil)
		}
		return err
	})
	ours, err := kept.StoreIn(t.Context(), w.engine, name, image, secrets, nil)
	w.check(err)
	if ours.ID != theirs.ID {
		t.Errorf("the vault is %s, and theirs %s", ours.Name, theirs.Name)
	}
	read, err := ours.Read(t.Context(), w.engine)
	w.check(err)
	if read["a"][0] == secrets["a"][0] {
		t.Error("it has our password")
	}
}
