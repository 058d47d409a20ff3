package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// KeyInfo describes a key.
type KeyInfo struct {
	Key  string
	Type string        // string, list, hash, set, zset, stream; "none" when it is gone
	TTL  time.Duration // how long it lives still; negative means for good
	Size int64         // bytes in memory with its overhead; 0 where the server does not tell
}

// KeyInfos describes keys in one round trip, in their order.
func (c *Client) KeyInfos(ctx context.Context, keys []string) ([]KeyInfo, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	pipe := c.rdb.Pipeline()
	types, ttls, sizes := make([]*redis.StatusCmd, len(keys)), make([]*redis.DurationCmd, len(keys)), make([]*redis.IntCmd, len(keys))
	for i, key := range keys {
		types[i], ttls[i], sizes[i] = pipe.Type(ctx, key), pipe.PTTL(ctx, key), pipe.MemoryUsage(ctx, key)
	}
	// Exec returns the first error of all; a server may lack MEMORY USAGE, and a key may be gone.
	_, _ = pipe.Exec(ctx)
	infos := make([]KeyInfo, len(keys))
	for i, key := range keys {
		var server redis.Error
		if err := types[i].Err(); err != nil && !errors.As(err, &server) {
			return nil, fmt.Errorf("describing key %q: %w", key, err)
		}
		infos[i] = KeyInfo{Key: key, Type: types[i].Val(), TTL: ttls[i].Val(), Size: sizes[i].Val()}
	}
	return infos, nil
}
