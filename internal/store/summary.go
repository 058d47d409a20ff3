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

// Summary describes the data, to show what would be lost before it is removed.
type Summary struct {
	Keys      int64 // in the selected database
	Visits    int64
	HasVisits bool // the counter exists and is a number

	UsedBytes int64 // memory in use by Redis, data and overhead
	AOFBytes  int64 // size of the append-only file, 0 if it is off

	// LastSave is when the snapshot file was last written, or when Redis started if it has not been since. Unsaved is how many changes
	// came after it; with the append-only file on, they are on disk nevertheless.
	LastSave   time.Time
	Unsaved    int64
	AppendOnly bool
}

// Summary reads the summary in one round trip. Values that Redis refuses (a user can be denied INFO and LASTSAVE) stay zero.
func (c *Client) Summary(ctx context.Context) (Summary, error) {
	pipe := c.rdb.Pipeline()
	size := pipe.DBSize(ctx)
	visits := pipe.Get(ctx, VisitsKey)
	memory := pipe.Info(ctx, "memory")
	persistence := pipe.Info(ctx, "persistence")
	lastSave := pipe.LastSave(ctx)
	// Exec returns the first of all errors; each command's own error is checked below.
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

// infoInt returns the number in a "field:value" line of INFO, or 0 if there is none.
func infoInt(info, field string) int64 {
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}
