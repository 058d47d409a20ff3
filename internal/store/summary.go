package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Summary is what would be lost with the data: the blast radius that is shown before it is removed.
type Summary struct {
	Keys      int64 // in the selected database
	Visits    int64
	HasVisits bool // there is a counter, and it is a number

	UsedBytes int64 // memory in use by Redis, data and overhead
	AOFBytes  int64 // size of the append-only file, 0 when it is off

	// LastSave is when the snapshot file was last written, or when Redis started without having written one since. Unsaved is how many
	// changes came after it; with the append-only file on, they are on disk all the same.
	LastSave   time.Time
	Unsaved    int64
	AppendOnly bool
}

// Summary reads the summary in one round trip. What Redis refuses to tell (INFO and LASTSAVE can be forbidden to a user) stays zero.
func (c *Client) Summary(ctx context.Context) (Summary, error) {
	pipe := c.rdb.Pipeline()
	size := pipe.DBSize(ctx)
	visits := pipe.Get(ctx, VisitsKey)
	memory := pipe.Info(ctx, "memory")
	persistence := pipe.Info(ctx, "persistence")
	lastSave := pipe.LastSave(ctx)
	// Exec returns the first error of all; each command's own is looked at below.
	_, _ = pipe.Exec(ctx)

	if err := size.Err(); err != nil {
		return Summary{}, fmt.Errorf("counting keys: %w", err)
	}
	for _, cmd := range []redis.Cmder{visits, memory, persistence, lastSave} {
		var server redis.Error
		if err := cmd.Err(); err != nil && !errors.As(err, &server) {
			return Summary{}, fmt.Errorf("reading %q: %w", cmd.Name(), err)
		}
	}

	s := Summary{Keys: size.Val()}
	if n, err := strconv.ParseInt(visits.Val(), 10, 64); err == nil {
		s.Visits, s.HasVisits = n, true
	}
	s.UsedBytes = infoInt(memory.Val(), "used_memory")
	s.AppendOnly = infoInt(persistence.Val(), "aof_enabled") == 1
	if s.AppendOnly {
		s.AOFBytes = infoInt(persistence.Val(), "aof_current_size")
	}
	s.Unsaved = infoInt(persistence.Val(), "rdb_changes_since_last_save")
	if t := lastSave.Val(); t > 0 {
		s.LastSave = time.Unix(t, 0)
	}
	return s, nil
}

// infoInt returns the number of one "field:value" line of INFO, 0 if it is not there.
func infoInt(info, field string) int64 {
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}
