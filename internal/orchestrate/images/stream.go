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

	"stackctl.dev/stackctl/internal/orchestrate/report"
)

// stallLimit ends a pull or build that reports nothing for that long; normally progress comes several times a second. But the engine
// unpacks, hashes and stores what it has received without reporting, on a busy machine at no more than slowDisk. runLimit is for builds
// of the user, whose steps may be silent.
const (
	stallLimit = 30 * time.Second
	runLimit   = 30 * time.Minute
	slowDisk   = 1 << 20 // bytes a second
)

// pull gets the image from its registry.
func pull(ctx context.Context, e Engine, res Resolution, platform string, sink report.Sink) (Resolution, error) {
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
		// If the registry cannot be reached, this is not a failure yet: the caller may use the host's programs.
		work.send(report.Skipped, "")
		return res, fmt.Errorf("pulling image %q: %w", res.Wanted, err)
	}
	info, err := e.ImageInspect(ctx, res.Wanted)
	if err != nil {
		return res, work.failed(fmt.Errorf("inspecting image %q after it was pulled: %w", res.Wanted, err))
	}
	res.Ref, res.Origin = res.Wanted, OriginRegistry
	res.fill(info)
	work.done()
	return res, nil
}

// credentials returns the docker CLI's login for the image's registry.
func credentials(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", fmt.Errorf("reading image name %q: %w", ref, err)
	}
	host := reference.Domain(named)
	if host == "docker.io" {
		host = "https://index.docker.io/v1/" // docker's key for it
	}
	auth, err := config.LoadDefaultConfigFile(io.Discard).GetAuthConfig(host)
	if err != nil {
		return "", fmt.Errorf("reading the login for %q: %w", host, err)
	}
	return registry.EncodeAuthConfig(registry.AuthConfig(auth))
}

// work reports one pull, build or load as events.
type work struct {
	sink      report.Sink
	printLine func(line string) // gets the engine's output; may be nil
	event     report.Event
	begin     time.Time
	// Bytes of each layer so far, and in total.
	current, total map[string]int64
	lastLines      []string
	stall          time.Duration
	bytes          atomic.Int64 // that the engine has received: of the build context, or of the layers
}

// silenceLimit returns how long the engine may be silent at this point.
func (w *work) silenceLimit() time.Duration {
	return w.stall + time.Duration(w.bytes.Load()/slowDisk)*time.Second
}

// upload is content that is sent to the engine; each read of it counts as progress.
type upload struct {
	io.Reader
	onRead func(n int)
}

func (u upload) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	u.onRead(n)
	return n, err
}

func (w *work) upload(content io.Reader, progressed func()) io.Reader {
	return upload{content, func(n int) {
		w.bytes.Add(int64(n))
		progressed()
	}}
}

func newWork(sink report.Sink, verb string, res Resolution) *work {
	w := &work{
		sink: sink, begin: time.Now(), current: map[string]int64{}, total: map[string]int64{}, stall: stallLimit,
		event: report.Event{Verb: verb, Object: res.Ref, Service: res.Service},
	}
	w.send(report.Started, "")
	return w
}

func (w *work) send(kind report.Kind, detail string) {
	if w.sink == nil {
		return
	}
	e := w.event
	e.Kind, e.Detail, e.Elapsed = kind, detail, time.Since(w.begin)
	w.sink(e)
}

func (w *work) done() { w.send(report.Done, "") }

func (w *work) failed(err error) error {
	w.event.Err = err
	w.send(report.Failed, "")
	return err
}

// opener starts a pull, build or load and returns the engine's progress stream. It calls progressed whenever the engine reads content.
type opener func(ctx context.Context, progressed func()) (io.ReadCloser, error)

// follow reads an engine's progress stream to its end. Errors are in the stream, whose HTTP status is 200. If the engine reports nothing
// for too long, it returns an error.
func (w *work) follow(ctx context.Context, open opener) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := errors.New("no progress")
	watchdog := time.AfterFunc(w.silenceLimit(), func() { cancel(stalled) })
	defer watchdog.Stop()
	err := w.read(ctx, open, func() { watchdog.Reset(w.silenceLimit()) })
	if err != nil && parent.Err() == nil && errors.Is(context.Cause(ctx), stalled) {
		return fmt.Errorf("no progress for %s", w.silenceLimit())
	}
	return err
}

func (w *work) read(ctx context.Context, open opener, progressed func()) error {
	stream, err := open(ctx, progressed)
	if err != nil {
		return err
	}
	defer stream.Close()
	limited := &budget{Reader: stream}
	decoder := json.NewDecoder(limited)
	for {
		var message jsonmessage.JSONMessage
		limited.left = maxMessage
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
		progressed()
		if message.ID == buildkitTrace && message.Aux != nil {
			if err := w.trace(message.Aux); err != nil {
				return err
			}
			continue
		}
		w.progress(message)
	}
}

// maxMessage bounds one message of a stream, in bytes: the largest are BuildKit's, with the output of many steps.
const maxMessage = 16 << 20

// budget is a stream of which at most left bytes may be read.
type budget struct {
	io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, fmt.Errorf("a message is larger than %d MiB", maxMessage>>20)
	}
	n, err := b.Reader.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// maxLastLines is how much of a build's output its error quotes.
const maxLastLines = 10

func (w *work) progress(message jsonmessage.JSONMessage) {
	if line := strings.TrimSpace(message.Stream); line != "" {
		w.printed(line)
		if strings.HasPrefix(line, "Step ") {
			w.send(report.Progress, line)
		}
		return
	}
	if message.Progress == nil || message.Progress.Total <= 0 || message.ID == "" {
		return
	}
	key := message.ID + message.Status // downloading and extracting count separately
	w.current[key], w.total[key] = message.Progress.Current, message.Progress.Total
	var current, total int64
	for k := range w.total {
		current, total = current+w.current[k], total+w.total[k]
	}
	w.bytes.Store(current)
	w.send(report.Progress, units.HumanSize(float64(current))+" of "+units.HumanSize(float64(total)))
}

// printed keeps a line of a build's output.
func (w *work) printed(line string) {
	line = strings.TrimSpace(line)
	if w.printLine != nil {
		w.printLine(line)
		return // an error need not quote it
	}
	w.lastLines = append(w.lastLines, line)
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

// reason shortens a pull's error to its cause: the last two parts of Go's error chain.
func reason(err error) string {
	text := err.Error()
	parts := strings.Split(text, ": ")
	if len(parts) > 2 {
		return strings.Join(parts[len(parts)-2:], ": ")
	}
	return text
}
