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
	Type string        // string, list, hash, set, zset, stream; "none" if it no longer exists
	TTL  time.Duration // until it expires; negative if it never does
	Size int64         // bytes in memory, with overhead; 0 if the server does not say
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
	// Exec returns the first of all errors; a server may lack MEMORY USAGE, and a key may no longer exist.
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
