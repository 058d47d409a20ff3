package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"stackctl.dev/stackctl/internal/orchestrate/enginetest"
)

// calls are what stackctl asks of an engine; each reads its answer to the end. document says that the answer is one JSON document.
var calls = []struct {
	name     string
	document bool
	call     func(ctx context.Context, e *Engine) error
}{
	{"list containers", true, func(ctx context.Context, e *Engine) error {
		_, err := e.ContainerList(ctx, container.ListOptions{})
		return err
	}},
	{"inspect container", true, func(ctx context.Context, e *Engine) error { _, err := e.ContainerInspect(ctx, "c"); return err }},
	{"list networks", true, func(ctx context.Context, e *Engine) error {
		_, err := e.NetworkList(ctx, network.ListOptions{})
		return err
	}},
	{"list volumes", true, func(ctx context.Context, e *Engine) error {
		_, err := e.VolumeList(ctx, volume.ListOptions{})
		return err
	}},
	{"list images", true, func(ctx context.Context, e *Engine) error {
		_, err := e.ImageList(ctx, image.ListOptions{})
		return err
	}},
	{"inspect image", true, func(ctx context.Context, e *Engine) error { _, err := e.ImageInspect(ctx, "i"); return err }},
	{"version", true, func(ctx context.Context, e *Engine) error { _, err := e.ServerVersion(ctx); return err }},
	{"info", true, func(ctx context.Context, e *Engine) error { _, err := e.Info(ctx); return err }},
	{"top", true, func(ctx context.Context, e *Engine) error { _, err := e.ContainerTop(ctx, "c", nil); return err }},
	{"create container", true, func(ctx context.Context, e *Engine) error {
		_, err := e.ContainerCreate(ctx, &container.Config{}, nil, nil, nil, "c")
		return err
	}},
	{"create network", true, func(ctx context.Context, e *Engine) error {
		_, err := e.NetworkCreate(ctx, "n", network.CreateOptions{})
		return err
	}},
	{"create volume", true, func(ctx context.Context, e *Engine) error {
		_, err := e.VolumeCreate(ctx, volume.CreateOptions{})
		return err
	}},
	{"create exec", true, func(ctx context.Context, e *Engine) error {
		_, err := e.ContainerExecCreate(ctx, "c", container.ExecOptions{Cmd: []string{"x"}})
		return err
	}},
	{"inspect exec", true, func(ctx context.Context, e *Engine) error { _, err := e.ContainerExecInspect(ctx, "x"); return err }},
	{"attach exec", false, func(ctx context.Context, e *Engine) error {
		_, err := e.ContainerExecAttach(ctx, "x", container.ExecAttachOptions{})
		return err
	}},
	{"attach container", false, func(ctx context.Context, e *Engine) error {
		_, err := e.ContainerAttach(ctx, "c", container.AttachOptions{})
		return err
	}},
	{"dial", false, func(ctx context.Context, e *Engine) error { _, err := e.Dial(ctx, "c", "redis:6379"); return err }},
	{"start container", false, func(ctx context.Context, e *Engine) error {
		return e.ContainerStart(ctx, "c", container.StartOptions{})
	}},
	{"remove container", false, func(ctx context.Context, e *Engine) error {
		return e.ContainerRemove(ctx, "c", container.RemoveOptions{})
	}},
	{"stop container", false, func(ctx context.Context, e *Engine) error {
		none := 0
		return e.ContainerStop(ctx, "c", container.StopOptions{Timeout: &none})
	}},
	{"pull", false, func(ctx context.Context, e *Engine) error {
		_, err := e.ImagePull(ctx, "i", image.PullOptions{})
		return err
	}},
	{"load", false, func(ctx context.Context, e *Engine) error {
		_, err := e.ImageLoad(ctx, strings.NewReader("x"))
		return err
	}},
	{"events", false, func(ctx context.Context, e *Engine) error {
		messages, errs := e.Events(ctx, events.ListOptions{})
		for {
			select {
			case <-messages:
			case err := <-errs:
				return err
			}
		}
	}},
	{"wait", false, func(ctx context.Context, e *Engine) error {
		statuses, errs := e.ContainerWait(ctx, "c", container.WaitConditionNotRunning)
		select {
		case <-statuses:
			return nil
		case err := <-errs:
			return err
		}
	}},
	{"logs", false, func(ctx context.Context, e *Engine) error {
		return drain(e.ContainerLogs(ctx, "c", container.LogsOptions{ShowStdout: true}))
	}},
	{"logs, followed", false, func(ctx context.Context, e *Engine) error {
		return drain(e.ContainerLogs(ctx, "c", container.LogsOptions{ShowStdout: true, Follow: true}))
	}},
	{"save", false, func(ctx context.Context, e *Engine) error { return drain(e.ImageSave(ctx, []string{"i"})) }},
}

func drain(stream io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = io.Copy(io.Discard, stream)
	return err
}

// oddEngine is an engine that gives every call the same answer, and has the limit for it, or a minute.
func oddEngine(t *testing.T, handler http.HandlerFunc, limit ...time.Duration) *Engine {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	most := append(limit, time.Minute)[0]
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	c, err := newClient(most, client.WithHost("tcp://engine:1"), client.WithDialContext(dial), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &Engine{Client: c, API: "1.41", Limit: most}
}

// Every call to an engine that hangs ends within its limit, and says how to give it more.
func TestEveryCallHasALimit(t *testing.T) {
	e := oddEngine(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}, 30*time.Millisecond)
	for _, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := c.call(ctx, e); !errors.As(err, new(*NoAnswerError)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// So does an answer that begins and does not go on, but where it has no end.
func TestEveryAnswerHasALimit(t *testing.T) {
	e := oddEngine(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, " ")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, 30*time.Millisecond)
	for _, c := range calls {
		if !c.document && c.name != "logs" && c.name != "save" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := c.call(ctx, e); !errors.As(err, new(*NoAnswerError)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// So does an error, also of what may be silent for ever otherwise; and who knows whose page that is, it is not shown whole.
func TestErrorsEnd(t *testing.T) {
	for name, end := range map[string]func(r *http.Request){
		"that hang": func(r *http.Request) { <-r.Context().Done() },
		"that end":  func(*http.Request) {},
	} {
		e := oddEngine(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, strings.Repeat("<p>", 100))
			w.(http.Flusher).Flush()
			end(r)
		}, 30*time.Millisecond)
		for _, c := range calls {
			t.Run(c.name+" "+name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if err := c.call(ctx, e); err == nil || ctx.Err() != nil {
					t.Errorf("%v", err)
				}
			})
		}
	}
	e := oddEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("<p>", 1<<18), http.StatusBadGateway)
	})
	for _, c := range calls {
		if err := c.call(t.Context(), e); err == nil || len(err.Error()) > 2*maxWords {
			t.Errorf("%s: %.3000v", c.name, err)
		}
	}
	words := strings.Repeat("the engine's own words ", 100)
	e = oddEngine(t, enginetest.Says(http.StatusConflict, words))
	if err := e.ContainerRemove(t.Context(), "c", container.RemoveOptions{}); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(words)) {
		t.Errorf("%v", err)
	}
}

// A document that is none, or not the whole, is an error that says what to do, whoever asked for it.
func TestOddAnswersAreErrors(t *testing.T) {
	for name, odd := range map[string]http.HandlerFunc{
		"null":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "null\n") },
		"empty":     func(http.ResponseWriter, *http.Request) {},
		"malformed": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[{"Id": <html>`) },
		"truncated": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `[{"Id": "x",`)
		},
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"304":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"number":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "7") },
	} {
		e := oddEngine(t, odd)
		for _, c := range calls {
			t.Run(name+" "+c.name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				err := c.call(ctx, e)
				if c.document && name != "cut off" && !errors.As(err, new(*OddAnswerError)) || name == "cut off" && err == nil {
					t.Errorf("%v", err)
				}
			})
		}
	}
	e := oddEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"Id": 7, "ID": 7, "Name": 7, "Version": 7, "Titles": 7, "Volumes": 7, "StatusCode": "x"}`)
	})
	for _, c := range calls {
		if err := c.call(t.Context(), e); c.document && !errors.As(err, new(*OddAnswerError)) {
			t.Errorf("wrong types for %s: %v", c.name, err)
		}
	}
	large := `{"x": "` + strings.Repeat("x", maxDocument) + `"}`
	e = oddEngine(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, large) })
	if _, err := e.Info(t.Context()); err == nil || !strings.Contains(err.Error(), "it has more than 64 MiB") {
		t.Errorf("an endless document: %v", err)
	}
	e = oddEngine(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	for _, c := range calls {
		switch c.name {
		case "list containers", "list networks", "list images", "inspect container", "inspect image", "version", "create container", "create exec", "inspect exec":
			if err := c.call(t.Context(), e); !errors.As(err, new(*OddAnswerError)) {
				t.Errorf("{} for %s: %v", c.name, err)
			}
		}
	}
}

// Who reads a list finds no entry in it that is none.
func TestEntriesOfLists(t *testing.T) {
	for answer, list := range map[string]string{`[{"Id":"c"}]`: "list containers", `[{"Name":"n"}]`: "list networks", `{"Volumes":[null]}`: "list volumes", `[{"RepoTags":["i"]}]`: "list images"} {
		e := oddEngine(t, enginetest.Text(answer))
		for _, c := range calls {
			if c.name != list {
				continue
			}
			if err := c.call(t.Context(), e); err == nil || !strings.Contains(err.Error(), "an entry has no ID or name") {
				t.Errorf("%s: %v", answer, err)
			}
		}
	}
}

// A document that is there as a whole is one, also when its caller gave up a moment before.
func TestAnAnswerThatIsLateIsOne(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &watchdog{timer: time.NewTimer(time.Hour)}
	body := &answer{ReadCloser: io.NopCloser(strings.NewReader("{}")), w: w, ctx: ctx, parent: ctx, cancel: func() {}}
	response, err := checked(&http.Response{StatusCode: http.StatusOK, Body: body}, body, "GET /info", false)
	if response == nil || err != nil {
		t.Errorf("%v, %v", response, err)
	}
}
