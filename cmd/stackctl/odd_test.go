package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/terminal"
)

// oddities are how one call to the engine is answered; hang is not at all.
var oddities = map[string]func(w http.ResponseWriter, r *http.Request){
	"hang": func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	},
	"null": says("null\n"), "object": says("{}"), "list": says("[]"), "list of null": says("[null]"), "list of objects": says("[{}]"),
	"bare object": says(`{"Id": "x", "ID": "x", "Volumes": [null], "Titles": null, "Processes": [null], "State": null}`), "bare list": says(`[{"Id": "x", "Name": "x", "Names": ["/x"]}]`),
	"types": says(`{"Id": 7, "ID": 7, "Version": 7, "Titles": 7, "Volumes": 7, "Name": 7}`), "number": says("7"),
	"empty": says(""), "malformed": says(`[{"Id": <html>`),
	"truncated": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `[{"Id": "x",`)
	},
	"304": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
}

func says(text string) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// agreeable answers what changes something as an engine does with which all goes well; the rest is left to next.
func agreeable(next http.Handler) http.Handler {
	created := says(`{"Id": "c1"}`)
	answers := []struct {
		call   *regexp.Regexp
		answer func(w http.ResponseWriter, r *http.Request)
	}{
		{regexp.MustCompile(`^POST .*/(containers|networks|volumes)/create$`), created},
		{regexp.MustCompile(`^POST .*/containers/[^/]+/exec$`), created},
		{regexp.MustCompile(`^GET .*/exec/[^/]+/json$`), says(`{"ID": "c1", "ExitCode": 0}`)},
		{regexp.MustCompile(`^POST .*/(exec/[^/]+/start|containers/[^/]+/attach)$`), handOver},
		{regexp.MustCompile(`^POST .*/containers/[^/]+/wait$`), says(`{"StatusCode": 0}`)},
		{regexp.MustCompile(`^POST .*/(images/create|images/load|build)$`), says(`{"stream":"Loaded image: web\n"}` + "\n")},
		{regexp.MustCompile(`^GET .*/images/.*get$`), says("an archive")},
		{regexp.MustCompile(`^(POST|PUT|DELETE) `), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, a := range answers {
			if a.call.MatchString(r.Method + " " + r.URL.Path) {
				_, _ = io.Copy(io.Discard, r.Body)
				a.answer(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
		if path, query := r.URL.Path, r.URL.Query(); strings.HasSuffix(path, "/events") && query.Get("until") == "" || query.Get("follow") == "1" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	})
}

// handOver is a program that prints a reply of Redis and ends.
func handOver(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	const reply = "+OK\r\n"
	frame := binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, uint32(len(reply)))
	_, _ = conn.Write(append([]byte("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"), append(frame, reply...)...))
}

// oddEngine answers one of its calls, and all like it from then on, oddly.
type oddEngine struct {
	next http.Handler
	odd  func(w http.ResponseWriter, r *http.Request)
	call string // the kind of call
	from int    // the first of them that is answered oddly, from 1

	mu   sync.Mutex
	made map[string]int // calls by kind
}

var callName = regexp.MustCompile(`^/v[0-9.]+`)
var objectName = regexp.MustCompile(`^(/(?:containers|exec|networks|volumes|images)/)[^/]+(/|$)`)

// kindOf names a call without the object that it is about.
func kindOf(r *http.Request) string {
	path := callName.ReplaceAllString(r.URL.Path, "")
	if !slices.Contains([]string{"/containers/json", "/containers/create", "/networks/create", "/volumes/create", "/images/json", "/images/create", "/images/load", "/images/get"}, path) {
		path = objectName.ReplaceAllString(path, "${1}NAME$2")
	}
	return r.Method + " " + path
}

func (e *oddEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	kind := kindOf(r)
	e.made[kind]++
	odd := e.odd != nil && kind == e.call && e.made[kind] >= e.from
	e.mu.Unlock()
	if odd {
		e.odd(w, r)
		return
	}
	e.next.ServeHTTP(w, r)
}

// nextStep is how an error says what can be done about it.
var nextStep = regexp.MustCompile("STACKCTL_ENGINE_TIMEOUT|`stackctl |try again|check |use |look at |start it|give |name |see |choose|set |remove |run |there is one once|not healthy after")

// endless are the commands that go on until Ctrl-C with a sound engine.
var endless = [][]string{{"logs", "-f"}, {"events"}, {"stats"}}

// Whatever the engine answers, or does not, to whichever call of whichever command: it ends with a result, or with an error that says
// what to do, and never in a panic. STACKCTL_FAULTS=all tries every oddity with every call; otherwise they take turns.
func TestOddEngine(t *testing.T) {
	t.Setenv("STACKCTL_ENGINE_TIMEOUT", "300ms")
	for _, name := range []string{"DOCKER_CONTEXT", "COMPOSE_PROJECT_NAME", "COMPOSE_FILE"} {
		t.Setenv(name, "")
	}
	for _, name := range []string{"XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "HOME"} {
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("STACKCTL_HOST_ROOT", t.TempDir())
	dir := t.TempDir()
	t.Chdir(dir)
	file := filepath.Join(dir, "own.yaml")
	if err := os.WriteFile(file, []byte("name: p\nservices: {web: {image: web, build: {context: .}, command: [run]}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &oddRun{t: t, engine: agreeable(engineOf("web")), all: os.Getenv("STACKCTL_FAULTS") == "all"}
	var commands [][]string
	eachCommand(t, "web", func(_ *cobra.Command, path, args []string) {
		if o.all {
			commands = append(commands, append(append([]string{"-p", "p"}, path...), args...))
		}
		commands = append(commands, append(append([]string{"-f", file}, path...), args...))
		commands = append(commands, append([]string{"__complete", "-p", "p"}, append(path, "")...))
	})
	for _, args := range endless {
		commands = append(commands, append([]string{"-p", "p"}, args...))
	}
	var sound errgroup.Group
	sound.SetLimit(32) // most of them wait
	for i, args := range commands {
		sound.Go(func() error { o.command(i, args); return nil })
	}
	_ = sound.Wait()
	var odd errgroup.Group
	odd.SetLimit(32)
	for _, try := range o.tries {
		odd.Go(func() error { try(); return nil })
	}
	_ = odd.Wait()
}

type oddRun struct {
	t      *testing.T
	engine http.Handler
	all    bool

	mu    sync.Mutex
	tries []func()
}

// command finds out what calls the command makes, and notes that each kind of them is to be broken.
func (o *oddRun) command(turn int, args []string) {
	names := []string{"null", "object", "list", "list of null", "list of objects", "bare object", "bare list", "types", "number", "empty", "malformed", "truncated", "304"}
	calls := &oddEngine{next: o.engine, made: map[string]int{}}
	o.run(args, calls, true)
	kinds := make([]string, 0, len(calls.made))
	for kind := range calls.made {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		turn++
		odd, last := []string{"hang", names[turn%len(names)], names[(turn+5)%len(names)]}, 1
		if o.all {
			odd, last = append([]string{"hang"}, names...), 2
		}
		for from := 1; from <= min(last, calls.made[kind]); from++ {
			for _, name := range odd {
				broken := &oddEngine{next: o.engine, made: map[string]int{}, odd: oddities[name], call: kind, from: from}
				o.mu.Lock()
				o.tries = append(o.tries, func() { o.run(args, broken, false, kind, name) })
				o.mu.Unlock()
			}
		}
	}
}

func (o *oddRun) run(args []string, e *oddEngine, sound bool, what ...string) {
	server := httptest.NewServer(e)
	defer server.Close()
	defer server.CloseClientConnections()
	given := append([]string{"-H", "tcp://" + server.Listener.Addr().String()}, args...)
	if args[0] == "__complete" {
		given = append([]string{"__complete"}, append(given[:2:2], args[1:]...)...)
	}
	limit, lasting := 30*time.Second, slices.ContainsFunc(endless, func(e []string) bool { return slices.Equal(args[2:], e) })
	if lasting {
		limit = time.Second
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			o.t.Errorf("%q, %q: panic: %v", args, what, p)
		}
	}()
	var out, told bytes.Buffer
	begin := time.Now()
	code := run(ctx, &terminal.Streams{In: strings.NewReader("y\n"), Out: &out, Err: &told}, given)
	switch {
	case sound:
	case ctx.Err() != nil && !lasting:
		o.t.Errorf("%q, %q: does not end\n%s", args, what, told.String())
	case time.Since(begin) > limit+5*time.Second:
		o.t.Errorf("%q, %q: ends %s after Ctrl-C", args, what, time.Since(begin)-limit)
	case code != 0 && ctx.Err() == nil && args[0] != "__complete" && (args[2] != "plan" || code != 2) && !nextStep.MatchString(out.String()+told.String()):
		o.t.Errorf("%q, %q: exit code %d without a next step\n%s", args, what, code, told.String())
	}
}
