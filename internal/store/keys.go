package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// MaxKeys is how many keys [Client.Keys] returns at most.
const MaxKeys = 100_000

// scanCount is how many keys Redis looks at for one SCAN: about a millisecond of its only thread.
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

// Keys returns the keys that match a glob pattern, sorted and each once; "" matches all. It uses SCAN, never KEYS, so Redis keeps serving
// others meanwhile.
//
// It stops at limit keys (limit <= 0 or above [MaxKeys]: MaxKeys) and when ctx ends. complete tells whether all were seen; at the end of
// ctx the keys found so far come with the error, so that a completion with a small time budget can show them.
func (c *Client) Keys(ctx context.Context, pattern string, limit int) (keys []string, complete bool, err error) {
	if limit <= 0 || limit > MaxKeys {
		limit = MaxKeys
	}
	if pattern == "" {
		pattern = "*"
	}
	seen := make(map[string]struct{})
	for cursor := uint64(0); ; {
		var page []string
		// SCAN may return a key twice while the table is rehashed.
		page, cursor, err = c.rdb.Scan(ctx, cursor, pattern, scanCount).Result()
		if err != nil {
			return sortedKeys(seen), false, fmt.Errorf("scanning keys %q: %w", pattern, err)
		}
		for _, k := range page {
			if _, dup := seen[k]; !dup && len(seen) == limit {
				return sortedKeys(seen), false, nil
			}
			seen[k] = struct{}{}
		}
		if cursor == 0 {
			return sortedKeys(seen), true, nil
		}
		if err := ctx.Err(); err != nil {
			return sortedKeys(seen), false, fmt.Errorf("scanning keys %q: %w", pattern, err)
		}
	}
}

func sortedKeys(set map[string]struct{}) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
