package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/docker/go-units"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// stallLimit ends a pull or build that reports nothing for so long: progress comes several times a second. What the engine has got
// it also unpacks, hashes and stores, in silence, and a busy machine has no more than slowDisk for it. runLimit is for builds with
// steps of the user's, which may work in silence.
const (
	stallLimit = 30 * time.Second
	runLimit   = 30 * time.Minute
	slowDisk   = 1 << 20 // bytes a second
)

// pull gets the image from its registry.
func pull(ctx context.Context, e Engine, res Resolution, platform string, sink orchestrate.Sink) (Resolution, error) {
	wanted := res
	wanted.Ref = res.Wanted
	work := newWork(sink, "pull image", wanted)
	auth, err := credentials(res.Wanted)
	if err != nil {
		return res, work.failed(err)
	}
	err = work.follow(ctx, func(ctx context.Context, _ func()) (io.ReadCloser, error) {
		return e.ImagePull(ctx, res.Wanted, image.PullOptions{RegistryAuth: auth, Platform: platform})
	})
	if err != nil {
		// A registry that is not there is no failure yet: the caller may have another way.
		work.send(orchestrate.EventSkipped, "")
		return res, fmt.Errorf("pulling image %q: %w", res.Wanted, err)
	}
	info, err := e.ImageInspect(ctx, res.Wanted)
	if err != nil {
		return res, work.failed(err)
	}
	res.Ref, res.Origin = res.Wanted, OriginRegistry
	res.is(info)
	work.done("")
	return res, nil
}

// credentials reads the docker CLI's login for the image's registry.
func credentials(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", fmt.Errorf("reading image name %q: %w", ref, err)
	}
	file := config.LoadDefaultConfigFile(io.Discard)
	host := reference.Domain(named)
	for key := range file.AuthConfigs {
		if strings.Contains(key, host) { // a login may be kept under the host's name or under a whole URL
			host = key
		}
	}
	auth, err := file.GetAuthConfig(host)
	if err != nil {
		return "", fmt.Errorf("reading the login for %q: %w", host, err)
	}
	return registry.EncodeAuthConfig(registry.AuthConfig(auth))
}

// work reports one pull or build as events.
type work struct {
	sink  orchestrate.Sink
	event orchestrate.Event
	begin time.Time
	// bytes and totals of the layers, by layer
	current, total map[string]int64
	lastLines      []string
	stall          time.Duration
	bytes          atomic.Int64 // that the engine has got: of the build context, or of the layers
}

// patience is how long the engine may now be silent.
func (w *work) patience() time.Duration {
	return w.stall + time.Duration(w.bytes.Load()/slowDisk)*time.Second
}

// upload is a build context on its way to the engine: that it moves is progress too.
type upload struct {
	io.Reader
	moved func(n int)
}

func (u upload) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	u.moved(n)
	return n, err
}

func newWork(sink orchestrate.Sink, verb string, res Resolution) *work {
	w := &work{
		sink: sink, begin: time.Now(), current: map[string]int64{}, total: map[string]int64{}, stall: stallLimit,
		event: orchestrate.Event{Verb: verb, Object: res.Ref, Service: res.Service},
	}
	w.send(orchestrate.EventStarted, "")
	return w
}

func (w *work) send(kind orchestrate.EventKind, detail string) {
	if w.sink == nil {
		return
	}
	e := w.event
	e.Kind, e.Detail, e.Elapsed = kind, detail, time.Since(w.begin)
	w.sink(e)
}

func (w *work) done(detail string) { w.send(orchestrate.EventDone, detail) }

func (w *work) failed(err error) error {
	w.event.Err = err
	w.send(orchestrate.EventFailed, "")
	return err
}

// follow reads an engine's progress stream to its end. Errors come inside of it, under an HTTP status of 200. It gives
// up when nothing is reported for too long.
func (w *work) follow(ctx context.Context, open func(ctx context.Context, alive func()) (io.ReadCloser, error)) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := errors.New("no progress")
	watchdog := time.AfterFunc(w.patience(), func() { cancel(stalled) })
	defer watchdog.Stop()
	err := w.read(ctx, open, func() { watchdog.Reset(w.patience()) })
	if err != nil && parent.Err() == nil && errors.Is(context.Cause(ctx), stalled) {
		return fmt.Errorf("no progress for %s", w.patience())
	}
	return err
}

func (w *work) read(ctx context.Context, open func(ctx context.Context, alive func()) (io.ReadCloser, error), alive func()) error {
	stream, err := open(ctx, alive)
	if err != nil {
		return err
	}
	defer stream.Close()
	decoder := json.NewDecoder(stream)
	for {
		var message jsonmessage.JSONMessage
		switch err := decoder.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && ctx.Err() == nil:
			return fmt.Errorf("reading the engine's progress: %w; try again, and see `stackctl doctor`", err)
		case err != nil:
			return err
		case message.Error != nil:
			return w.explain(message.Error)
		}
		alive()
		if message.ID == buildkitTrace && message.Aux != nil {
			if err := w.trace(message.Aux); err != nil {
				return err
			}
			continue
		}
		w.progress(message)
	}
}

// maxLastLines is how much of a build's output its error quotes.
const maxLastLines = 10

func (w *work) progress(message jsonmessage.JSONMessage) {
	if line := strings.TrimSpace(message.Stream); line != "" {
		w.printed(line)
		if strings.HasPrefix(line, "Step ") {
			w.send(orchestrate.EventProgress, line)
		}
		return
	}
	if message.Progress == nil || message.Progress.Total <= 0 || message.ID == "" {
		return
	}
	key := message.ID + message.Status // downloading and extracting count apart
	w.current[key], w.total[key] = message.Progress.Current, message.Progress.Total
	var current, total int64
	for k := range w.total {
		current, total = current+w.current[k], total+w.total[k]
	}
	w.bytes.Store(current)
	w.send(orchestrate.EventProgress, units.HumanSize(float64(current))+" of "+units.HumanSize(float64(total)))
}

// printed keeps a line of a build's output.
func (w *work) printed(line string) {
	w.lastLines = append(w.lastLines, strings.TrimSpace(line))
	w.lastLines = w.lastLines[max(0, len(w.lastLines)-maxLastLines):]
}

func (w *work) explain(err *jsonmessage.JSONError) error {
	if len(w.lastLines) == 0 {
		return err
	}
	lines := []error{err}
	for _, line := range w.lastLines {
		lines = append(lines, errors.New(line))
	}
	return errors.Join(lines...)
}

// reason shortens a pull's error to what a person needs: the last part of Go's chain of causes.
func reason(err error) string {
	text := err.Error()
	parts := strings.Split(text, ": ")
	if len(parts) > 2 {
		return strings.Join(parts[len(parts)-2:], ": ")
	}
	return text
}
