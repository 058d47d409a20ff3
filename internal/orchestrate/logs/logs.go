// Package logs reads the logs of a project's containers as one stream in the order of time.
//
// The engine keeps one log for each container and stamps every line with its own clock. Here the logs are merged by those stamps, never by when
// they arrive, so history is in exact order. Lines that are followed live wait a tenth of a second for a line of another
// container that is older and comes late. The way of a line:
//
//	engine: a log of one container            a list and the events say which there are: find.go, watch.go
//	   │ history first, then what comes
//	pacer: in a flood, larger pieces           only of what is followed
//	   │ frames, or a terminal's bytes
//	joiner: pieces become stamped lines        the engine splits lines after 16 KiB
//	   │
//	memory: lines that were read are dropped   reading begins again after a restart, a lost connection, a rotation
//	behind: too late for Options.Newest?       then reading begins again at the end of the log
//	   │
//	queue of the container ──┐                 full: reading waits, and so does the engine
//	merger: the oldest line of all queues ──> emit
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
	timetypes "github.com/docker/docker/api/types/time"

	"stackctl.dev/stackctl/internal/orchestrate/events"
)

// Line is one line of one container.
type Line struct {
	Time      time.Time // the engine's clock, when it read the line's beginning from the container
	Container string    // its name
	Service   string
	Replica   int // from 1
	Stderr    bool
	Text      []byte // untrusted, without the newline; the receiver may keep it
	Skipped   int    // about how many lines before this one were left out, see Options.Newest: nobody has counted them
	Truncated bool   // the line was longer than 256 KiB, and Text is its beginning
}

// Source is the engine. *client.Client of github.com/docker/docker is one.
type Source interface {
	ContainerLogs(ctx context.Context, id string, o container.LogsOptions) (io.ReadCloser, error)
	ContainerList(ctx context.Context, o container.ListOptions) ([]container.Summary, error)
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
	events.Source
}

// Options say which lines to read.
type Options struct {
	Project  string
	Services []string // only these; none means all
	Follow   bool
	Tail     int // the last lines of each container; negative means all. A line of more than 16 KiB counts once for each 16 KiB.

	// Since and Until bound the history: an RFC 3339 time, a Unix time, or a duration before now such as "10m". Empty means no bound.
	Since, Until string

	// Window is how long a live line waits for an older one of another container; 0 means a tenth of a second.
	Window time.Duration

	// Newest, if not zero, is for who would rather see the newest line than every line: a followed log that comes later than that goes
	// on at its end, and the first line after that says in Skipped how many were left out.
	Newest time.Duration

	// Warn, if not nil, hears what goes wrong without ending a followed stream: a log that cannot be read, a connection that is made
	// again. container is empty when it concerns all. It is called by one goroutine at a time.
	Warn func(container string, err error)
	// Now is what Since and Until are relative to; nil means time.Now.
	Now func() time.Time
}

// Stream gives emit the lines of the project's containers, running or stopped, in the order of their time; those of the same time in the
// order of the containers' names. It waits for emit, and so does the engine: no line is dropped, and what is read ahead is bounded
// (1 MiB for each container), however long the logs are. An error of emit ends the stream and is returned as it is.
//
// Without Follow it returns when all was read. A log that cannot be read does not keep the others from being read; its error is returned
// at the end.
//
// With Follow it goes on with new lines, over restarts, of containers that are recreated and of replicas that are added, until
// ctx ends, and returns ctx's error. No line comes twice, and none is lost while its container exists. Live lines are in order as far as the
// engine delivers them within a tenth of a second (Options.Window), and a container writes no more than 1 MiB or 4096 lines meanwhile.
func Stream(ctx context.Context, src Source, o Options, emit func(Line) error) error {
	o, err := o.resolve()
	if err != nil {
		return err
	}
	s := newSession(src, o)
	err = s.run(ctx, emit)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	return s.failure()
}

// resolve checks the options and turns times into the form that means the same whenever it is sent.
func (o Options) resolve() (Options, error) {
	if o.Project == "" {
		return o, errors.New("reading logs: no project named")
	}
	if o.Follow && o.Until != "" {
		return o, fmt.Errorf("following logs until %q: following has no end; leave out one of the two", o.Until)
	}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	for _, t := range []*string{&o.Since, &o.Until} {
		if *t == "" {
			continue
		}
		stamp, err := timetypes.GetTimestamp(*t, now())
		if err == nil {
			_, _, err = timetypes.ParseTimestamps(stamp, 0)
		}
		if err != nil {
			return o, fmt.Errorf("reading time %q: %w; give a time such as 2006-01-02T15:04:05Z, or a duration such as 10m", *t, err)
		}
		*t = stamp
	}
	return o, nil
}

// engineTime is the form in which the engine takes a time to the nanosecond.
func engineTime(t time.Time) string {
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}
