package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"
)

// MaxKeys is how many keys [Client.Keys] returns at most.
const MaxKeys = 100_000

// scanCount is how many keys Redis examines for one SCAN, which takes about a millisecond of its only thread.
const scanCount = 1000

// Get returns the string at key, and whether there is one.
func (c *Client) Get(ctx context.Context, key string) (value string, ok bool, err error) {
	value, err = c.rdb.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("reading key %q: %w", key, err)
	}
	return value, true, nil
}

// Del removes keys and returns how many of them existed.
func (c *Client) Del(ctx context.Context, keys ...string) (int64, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	n, err := c.rdb.Del(ctx, keys...).Result()
	if err != nil {
		return 0, fmt.Errorf("removing %d keys: %w", len(keys), err)
	}
	return n, nil
}

// Keys returns the keys that match a glob pattern, sorted, each once; "" matches all. It uses SCAN, not KEYS, so that Redis serves other
// clients at the same time.
//
// It stops at limit keys (MaxKeys if limit is <= 0 or above [MaxKeys]) and when ctx ends; complete reports whether all were seen. When
// ctx ends, the keys found so far are returned with the error, so that a completion with little time can show them.
func (c *Client) Keys(ctx context.Context, pattern string, limit int) (keys []string, complete bool, err error) {
	if limit <= 0 || limit > MaxKeys {
		limit = MaxKeys
	}
	if pattern == "" {
		pattern = "*"
	}
	seen := map[string]bool{}
	for cursor := uint64(0); ; {
		var page []string
		// SCAN may return a key twice while the table is rehashed.
		page, cursor, err = c.rdb.Scan(ctx, cursor, pattern, scanCount).Result()
		if err != nil {
			return slices.Sorted(maps.Keys(seen)), false, fmt.Errorf("scanning keys %q: %w", pattern, err)
		}
		for _, k := range page {
			if !seen[k] && len(seen) == limit {
				return slices.Sorted(maps.Keys(seen)), false, nil
			}
			seen[k] = true
		}
		if cursor == 0 {
			return slices.Sorted(maps.Keys(seen)), true, nil
		}
		if err := ctx.Err(); err != nil {
			return slices.Sorted(maps.Keys(seen)), false, fmt.Errorf("scanning keys %q: %w", pattern, err)
		}
	}
}
