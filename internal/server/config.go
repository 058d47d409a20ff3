package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// Config is what the web tier is told from outside. In the container it comes from
// the environment; an unset or empty variable means its default:
//
//	REDIS_HOST        redis    name or IP address of the Redis server
//	REDIS_PORT        6379     1 to 65535
//	LISTEN_ADDR       :5002    host:port to listen on; port 0 takes a free one
//	PORT                       1 to 65535, short for LISTEN_ADDR=:PORT, which wins over it
//	METRICS_ADDR      :9102    host:port that answers /metrics; off for none
//	LOG_LEVEL         info     debug, info, warn or error; debug adds the probes
//	COUNT_TIMEOUT     5s       100ms to 30s, the longest a /count waits for Redis before it is a 503
//	SHUTDOWN_TIMEOUT  900ms    10ms to 60s, the time in-flight requests get to end
//	REDIS_POOL_SIZE   8        1 to 1000, the most connections to Redis at a time
type Config struct {
	RedisHost       string
	RedisPort       int
	ListenAddr      string
	MetricsAddr     string // "" for none
	LogLevel        slog.Level
	CountTimeout    time.Duration
	ShutdownTimeout time.Duration
	RedisPoolSize   int

	// What the program brings along, which is not in the environment.
	Version string // for /metrics
	Page    string // the template of the page for browsers; "" for none
}

// RedisAddr is the Redis server's host:port.
func (c Config) RedisAddr() string {
	return net.JoinHostPort(c.RedisHost, strconv.Itoa(c.RedisPort))
}

// ConfigFromEnv reads a Config from the variables documented there. All bad values are
// reported in one error, so that a wrong deployment is mended in one go.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	e := env{getenv: getenv}
	cfg := Config{
		RedisHost:       read(&e, "REDIS_HOST", "redis", "a host name or an IP address", parseHost),
		RedisPort:       read(&e, "REDIS_PORT", "6379", "a port number, 1 to 65535", intWithin(1, 65535)),
		MetricsAddr:     read(&e, "METRICS_ADDR", ":9102", "host:port, the port 0 to 65535, or off", parseMetricsAddr),
		LogLevel:        read(&e, "LOG_LEVEL", "info", "debug, info, warn or error", parseLevel),
		CountTimeout:    read(&e, "COUNT_TIMEOUT", "5s", "a duration, 100ms to 30s", durationWithin(100*time.Millisecond, 30*time.Second)),
		ShutdownTimeout: read(&e, "SHUTDOWN_TIMEOUT", "900ms", "a duration, 10ms to 60s", durationWithin(10*time.Millisecond, time.Minute)),
		RedisPoolSize:   read(&e, "REDIS_POOL_SIZE", "8", "a number, 1 to 1000", intWithin(1, 1000)),
	}
	// PORT is checked even where LISTEN_ADDR wins: a wrong value is never silently ignored.
	port := read(&e, "PORT", "5002", "a port number, 1 to 65535", intWithin(1, 65535))
	cfg.ListenAddr = read(&e, "LISTEN_ADDR", ":"+strconv.Itoa(port), "host:port, the port 0 to 65535", parseListenAddr)
	if err := errors.Join(e.errs...); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// env collects what is wrong while the variables are read.
type env struct {
	getenv func(string) string
	errs   []error
}

// read is the value of one variable. It is a function only because methods have no type parameters.
func read[T any](e *env, name, fallback, want string, parse func(string) (T, bool)) T {
	text := e.getenv(name)
	if text == "" {
		text = fallback
	}
	value, ok := parse(text)
	if !ok {
		e.errs = append(e.errs, fmt.Errorf("reading %s %q: want %s", name, text, want))
	}
	return value
}

// parseHost takes what can be a DNS name, a container's name (which may hold an underscore)
// or an IP address. It is there to catch a URL or a host:port, not to enforce RFC 1123.
func parseHost(text string) (string, bool) {
	if net.ParseIP(text) != nil {
		return text, true
	}
	if len(text) > 253 || text == "" {
		return "", false
	}
	for i := range len(text) {
		c := text[i]
		if !isAlphanumeric(c) && c != '.' && c != '-' && c != '_' {
			return "", false
		}
	}
	return text, true
}

func parseListenAddr(text string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", false
	}
	if _, ok := intWithin(0, 65535)(port); !ok {
		return "", false
	}
	if host != "" {
		if _, ok := parseHost(host); !ok {
			return "", false
		}
	}
	return text, true
}

func parseMetricsAddr(text string) (string, bool) {
	if text == "off" {
		return "", true
	}
	return parseListenAddr(text)
}

// parseLevel takes four words only: slog's own parser also takes "info+3", which nobody means.
func parseLevel(text string) (slog.Level, bool) {
	switch strings.ToLower(text) {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return 0, false
}

func intWithin(low, high int) func(string) (int, bool) {
	return func(text string) (int, bool) {
		n, err := strconv.Atoi(text)
		return n, err == nil && low <= n && n <= high
	}
}

func durationWithin(low, high time.Duration) func(string) (time.Duration, bool) {
	return func(text string) (time.Duration, bool) {
		d, err := time.ParseDuration(text)
		return d, err == nil && low <= d && d <= high
	}
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
