package logs

import (
	"bufio"
	"context"
	"errors"
	"time"

	"github.com/docker/docker/api/types/container"
)

// errRepeats ends a reading in which the log comes again, so that it goes on where it was.
var errRepeats = errors.New("the engine sends a part of the log again")

// lookBack finds out why a line is older than those before it: the engine's clock was set back, as the log's last line then tells, or lines
// come again. Docker 20.10 sends the whole file that it has just rotated once more to those who follow it, when they read slower than it is written.
func (r *reader) lookBack(ctx context.Context) error {
	last, err := r.lastStamp(ctx)
	if err != nil {
		return err
	}
	if last.IsZero() || !last.Before(time.Unix(0, r.seen.latest)) {
		return errRepeats
	}
	r.seen.restart()
	return nil
}

// lastStamp reads when the log's last line was written; zero if there is none.
func (r *reader) lastStamp(ctx context.Context) (last time.Time, err error) {
	body, err := r.s.src.ContainerLogs(ctx, r.id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: "1"})
	if err != nil {
		return time.Time{}, err
	}
	defer body.Close()
	j := joiner{idle: func() error { return nil }, emit: func(l Line) error { last = l.Time; return nil }}
	return last, errors.Join(r.readInto(bufio.NewReader(body), &j), j.flush())
}
