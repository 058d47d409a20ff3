package archive

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"stackctl.dev/stackctl/internal/server/journal"
)

// counterKey is the counter, as in the package visits.
const counterKey = "visits"

var (
	// What is full must still be read and trimmed, so that the change that has no room is left for the next visit.
	readScript = redis.NewScript(journal.Lua + `
local history = newest()
if history then
  local counter = redis.pcall('GET', KEYS[1]) or '0'
  if type(counter) == 'string' then pcall(changed, history, counter) end
end
local all = redis.pcall('HGETALL', KEYS[2])
if all.err then return {} end
return all`)

	// It begins a series unless another one has begun since. A counter that is no number is mended first, by someone else.
	beginScript = redis.NewScript(`
local known = redis.pcall('HGET', KEYS[2], 'series')
if type(known) == 'string' and known ~= ARGV[2] then return 0 end
local counter = redis.call('GET', KEYS[1]) or '0'
if not string.match(counter, '^%-?%d+$') or #counter > 19 then return redis.error_reply('ERR the counter is not a number') end
local time = redis.call('TIME')
local minute = string.format('%.0f', math.floor(time[1] / 60))
local ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'series', ARGV[1], 'now', '0 0 ' .. counter .. ' ' .. minute, 'base', '0 0 ' .. counter .. ' ' .. ms)
return 1`)

	// HDEL comes first, since it is allowed where memory is short, and the commands after it are then, too. A field that has changed since
	// it was read has a number above that of the base.
	trimScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'series') ~= ARGV[1] then return 0 end
local limit = tonumber(string.match(ARGV[2], '^%d+'))
redis.call('HDEL', KEYS[1], 'none')
for i = 3, #ARGV do
  local text = redis.call('HGET', KEYS[1], ARGV[i])
  if text and tonumber(string.match(text, '^%d+') or 0) <= limit then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
redis.call('HSET', KEYS[1], 'base', ARGV[2])
return 1`)
)

// trimFields bounds the fields that one script removes, so that no visit waits for it.
const trimFields = 1000

// redisTimeout bounds a command. A whole journal is 2 MB.
const redisTimeout = 5 * time.Second

// source is the journal in Redis.
type source struct {
	client *redis.Client
	run    atomic.Pointer[run] // of the newest connection
}

// run is a run of the Redis server: a restart begins another.
type run struct {
	ID    string
	Since time.Time
}

func openSource(cfg Config) *source {
	s := &source{}
	o := &redis.Options{
		Addr: cfg.RedisAddr, MaxRetries: 1, PoolSize: 2, DialTimeout: redisTimeout, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout,
		ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		OnConnect:                s.look,
	}
	if cfg.RedisPasswordFile != "" {
		o.CredentialsProviderContext = func(context.Context) (string, string, error) {
			password, err := readPassword(cfg.RedisPasswordFile)
			return cfg.RedisUsername, password, err
		}
	}
	s.client = redis.NewClient(o)
	return s
}

// look finds out which run of Redis a new connection leads to.
func (s *source) look(ctx context.Context, cn *redis.Conn) error {
	info, err := cn.Info(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("looking at redis: %w", err)
	}
	found := &run{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "run_id":
			found.ID = value
		case "uptime_in_seconds":
			seconds, _ := strconv.ParseInt(value, 10, 64)
			found.Since = time.Now().Add(-time.Duration(max(0, min(seconds, 1e9))) * time.Second)
		}
	}
	s.run.Store(found)
	return nil
}

// read returns the journal, and nil if there is none.
func (s *source) read(ctx context.Context) (*journal.Journal, error) {
	pairs, err := readScript.Run(ctx, s.client, []string{counterKey, journal.Key}).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", journal.Key, err)
	}
	fields := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	return journal.Parse(fields), nil
}

// begin begins a series in place of another one, "" for none.
func (s *source) begin(ctx context.Context, series, before string) error {
	if err := beginScript.Run(ctx, s.client, []string{counterKey, journal.Key}, series, before).Err(); err != nil {
		return fmt.Errorf("beginning %q: %w", journal.Key, err)
	}
	return nil
}

// seriesName returns the name of the series that the hash has, also of one that is damaged.
func (s *source) seriesName(ctx context.Context) string {
	name, _ := s.client.HGet(ctx, journal.Key, "series").Result()
	return name
}

// trim removes what PostgreSQL has.
func (s *source) trim(ctx context.Context, j *journal.Journal, now time.Time) error {
	base := fmt.Sprintf("%s %d", j.Now, now.UnixMilli())
	var fields []any
	for _, o := range j.Observations {
		if o.Field != "now" {
			fields = append(fields, o.Field)
		}
	}
	for first := true; first || len(fields) > 0; first = false {
		n := min(len(fields), trimFields)
		args := append([]any{j.Series, base}, fields[:n]...)
		if err := trimScript.Run(ctx, s.client, []string{journal.Key}, args...).Err(); err != nil {
			return fmt.Errorf("trimming %q: %w", journal.Key, err)
		}
		fields = fields[n:]
	}
	return nil
}

// maxPassword bounds a password file, in bytes.
const maxPassword = 4 << 10

// readPassword reads a file that `stackctl rotate` replaces while this runs.
func readPassword(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("opening the password file: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxPassword))
	if err != nil {
		return "", fmt.Errorf("reading the password file: %w", err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}
