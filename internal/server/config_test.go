package server

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func defaultConfig() Config {
	return Config{
		RedisHost: "redis", RedisPort: 6379, ListenAddr: ":5002", MetricsAddr: ":9102", LogLevel: slog.LevelInfo,
		CountTimeout: 5 * time.Second, ShutdownTimeout: 900 * time.Millisecond, RedisPoolSize: 8, HistoryAddr: "archive:9105",
	}
}

func TestConfigFromEnv(t *testing.T) {
	tests := map[string]struct {
		env    []string
		change func(*Config)
	}{
		"defaults":                 {nil, func(*Config) {}},
		"redis":                    {[]string{"REDIS_HOST", "my_redis-1.local", "REDIS_PORT", "6380"}, func(c *Config) { c.RedisHost, c.RedisPort = "my_redis-1.local", 6380 }},
		"redis on IPv6":            {[]string{"REDIS_HOST", "::1"}, func(c *Config) { c.RedisHost = "::1" }},
		"PORT":                     {[]string{"PORT", "8080"}, func(c *Config) { c.ListenAddr = ":8080" }},
		"LISTEN_ADDR":              {[]string{"LISTEN_ADDR", "127.0.0.1:0"}, func(c *Config) { c.ListenAddr = "127.0.0.1:0" }},
		"LISTEN_ADDR on IPv6":      {[]string{"LISTEN_ADDR", "[::1]:80"}, func(c *Config) { c.ListenAddr = "[::1]:80" }},
		"LISTEN_ADDR wins":         {[]string{"LISTEN_ADDR", ":1", "PORT", "2"}, func(c *Config) { c.ListenAddr = ":1" }},
		"METRICS_ADDR":             {[]string{"METRICS_ADDR", "127.0.0.1:0"}, func(c *Config) { c.MetricsAddr = "127.0.0.1:0" }},
		"METRICS_ADDR off":         {[]string{"METRICS_ADDR", "off"}, func(c *Config) { c.MetricsAddr = "" }},
		"LOG_LEVEL":                {[]string{"LOG_LEVEL", "debug"}, func(c *Config) { c.LogLevel = slog.LevelDebug }},
		"LOG_LEVEL in capitals":    {[]string{"LOG_LEVEL", "ERROR"}, func(c *Config) { c.LogLevel = slog.LevelError }},
		"timeouts, smallest":       {[]string{"COUNT_TIMEOUT", "100ms", "SHUTDOWN_TIMEOUT", "10ms"}, func(c *Config) { c.CountTimeout, c.ShutdownTimeout = 100*time.Millisecond, 10*time.Millisecond }},
		"timeouts, largest":        {[]string{"COUNT_TIMEOUT", "30s", "SHUTDOWN_TIMEOUT", "1m"}, func(c *Config) { c.CountTimeout, c.ShutdownTimeout = 30*time.Second, time.Minute }},
		"REDIS_POOL_SIZE smallest": {[]string{"REDIS_POOL_SIZE", "1"}, func(c *Config) { c.RedisPoolSize = 1 }},
		"REDIS_POOL_SIZE largest":  {[]string{"REDIS_POOL_SIZE", "1000"}, func(c *Config) { c.RedisPoolSize = 1000 }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := defaultConfig()
			tt.change(&want)
			got, err := ConfigFromEnv(tiertest.Env(tt.env...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestConfigFromEnvRefuses(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"REDIS_HOST", "redis://h", "a host name or an IP address"},
		{"REDIS_HOST", "h:6379", "a host name or an IP address"},
		{"REDIS_HOST", strings.Repeat("a", 254), "a host name or an IP address"},
		{"REDIS_PORT", "0", "a port number, 1 to 65535"},
		{"REDIS_PORT", "65536", "a port number, 1 to 65535"},
		{"REDIS_PORT", "tcp://10.0.0.1:6379", "a port number, 1 to 65535"}, // what orchestrators with service links set
		{"PORT", "0", "a port number, 1 to 65535"},
		{"PORT", ":80", "a port number, 1 to 65535"},
		{"LISTEN_ADDR", "5002", "host:port, the port 0 to 65535"},
		{"LISTEN_ADDR", ":http", "host:port, the port 0 to 65535"},
		{"LISTEN_ADDR", "a b:80", "host:port, the port 0 to 65535"},
		{"METRICS_ADDR", "9102", "host:port, the port 0 to 65535, or off"},
		{"METRICS_ADDR", "OFF", "host:port, the port 0 to 65535, or off"},
		{"LOG_LEVEL", "info+3", "debug, info, warn or error"},
		{"COUNT_TIMEOUT", "99ms", "a duration, 100ms to 30s"},
		{"COUNT_TIMEOUT", "31s", "a duration, 100ms to 30s"},
		{"COUNT_TIMEOUT", "2", "a duration, 100ms to 30s"},
		{"SHUTDOWN_TIMEOUT", "0s", "a duration, 10ms to 60s"},
		{"SHUTDOWN_TIMEOUT", "61s", "a duration, 10ms to 60s"},
		{"REDIS_POOL_SIZE", "0", "a number, 1 to 1000"},
		{"REDIS_POOL_SIZE", "1001", "a number, 1 to 1000"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value[:min(len(tt.value), 20)], func(t *testing.T) {
			cfg, err := ConfigFromEnv(tiertest.Env(tt.name, tt.value))
			if err == nil {
				t.Fatalf("accepted: %+v", cfg)
			}
			if want := "reading " + tt.name + ` "` + tt.value + `": want ` + tt.want; err.Error() != want {
				t.Errorf("error\n got %s\nwant %s", err, want)
			}
		})
	}
}

func TestConfigFromEnvReportsAllAtOnce(t *testing.T) {
	names := []string{"REDIS_HOST", "REDIS_PORT", "PORT", "LISTEN_ADDR", "METRICS_ADDR", "LOG_LEVEL", "COUNT_TIMEOUT", "SHUTDOWN_TIMEOUT", "REDIS_POOL_SIZE"}
	_, err := ConfigFromEnv(func(string) string { return "no good" })
	if err == nil {
		t.Fatal("accepted")
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), "reading "+name+` "no good": want `) {
			t.Errorf("%s is missing in:\n%s", name, err)
		}
	}
}

func FuzzConfigFromEnv(f *testing.F) {
	f.Add("redis", "6379", ":5002", "5002", ":9102", "info", "2s", "900ms", "32")
	f.Add("::1", "0", "[::]:1", "x", "off", "warn", "1h", "-1s", "1001")
	f.Fuzz(func(t *testing.T, host, redisPort, addr, port, metrics, level, count, shutdown, pool string) {
		cfg, err := ConfigFromEnv(tiertest.Env("REDIS_HOST", host, "REDIS_PORT", redisPort, "LISTEN_ADDR", addr, "PORT", port,
			"METRICS_ADDR", metrics, "LOG_LEVEL", level, "COUNT_TIMEOUT", count, "SHUTDOWN_TIMEOUT", shutdown, "REDIS_POOL_SIZE", pool))
		if err != nil {
			if cfg != (Config{}) {
				t.Errorf("a configuration beside an error: %+v", cfg)
			}
			return
		}
		if cfg.RedisHost == "" || cfg.RedisPort < 1 || cfg.RedisPort > 65535 ||
			cfg.CountTimeout < 100*time.Millisecond || cfg.CountTimeout > 30*time.Second ||
			cfg.ShutdownTimeout < 10*time.Millisecond || cfg.ShutdownTimeout > time.Minute ||
			cfg.RedisPoolSize < 1 || cfg.RedisPoolSize > 1000 {
			t.Errorf("out of bounds: %+v", cfg)
		}
		if _, ok := tier.ParseListenAddr(cfg.ListenAddr); !ok {
			t.Errorf("cannot listen on %q", cfg.ListenAddr)
		}
		if _, ok := tier.ParseListenAddr(cfg.MetricsAddr); !ok && cfg.MetricsAddr != "" {
			t.Errorf("cannot listen on %q for /metrics", cfg.MetricsAddr)
		}
	})
}
