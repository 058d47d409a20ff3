package server

import (
	"log/slog"
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
)

// Config is the web tier's configuration. In the container it comes from the environment; an
// unset or empty variable means its default:
//
//	REDIS_HOST        redis    name or IP address of the Redis server
//	REDIS_PORT        6379     1 to 65535
//	REDIS_USERNAME             user of Redis to log in as; needs REDIS_PASSWORD_FILE
//	REDIS_PASSWORD_FILE        file with its password, read again for each connection
//	LISTEN_ADDR       :5002    host:port to listen on; port 0 takes a free one
//	PORT                       1 to 65535, short for LISTEN_ADDR=:PORT; LISTEN_ADDR wins
//	METRICS_ADDR      :9102    host:port that serves /metrics; off for none
//	LOG_LEVEL         info     debug, info, warn or error; debug adds the probes
//	COUNT_TIMEOUT     5s       100ms to 30s, how long a /count waits for Redis before it is a 503
//	SHUTDOWN_TIMEOUT  900ms    10ms to 60s, how long in-flight requests may take to finish
//	HISTORY_ADDR      archive:9105  host:port of the archive tier, asked while Redis has a history; off for none
//	REDIS_POOL_SIZE   8        1 to 1000, the largest number of connections to Redis
type Config struct {
	RedisHost         string
	RedisPort         int
	RedisUsername     string // "" for default
	RedisPasswordFile string // "" for no login
	ListenAddr        string
	MetricsAddr       string // "" for none
	LogLevel          slog.Level
	CountTimeout      time.Duration
	ShutdownTimeout   time.Duration
	RedisPoolSize     int
	HistoryAddr       string // "" for none

	// Not from the environment, but built into the program.
	Version string // for /metrics
	Page    string // the template of the page for browsers; "" for none
}

// RedisAddr returns the Redis server's host:port.
func (c Config) RedisAddr() string {
	return net.JoinHostPort(c.RedisHost, strconv.Itoa(c.RedisPort))
}

// ConfigFromEnv reads a Config from the environment variables. One error reports all invalid
// values, so that they can be fixed at once.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	e := tier.NewEnv(getenv)
	cfg := Config{
		RedisHost:         tier.Read(e, "REDIS_HOST", "redis", "a host name or an IP address", tier.ParseHost),
		RedisPort:         tier.Read(e, "REDIS_PORT", "6379", "a port number, 1 to 65535", tier.IntWithin(1, 65535)),
		RedisUsername:     tier.Read(e, "REDIS_USERNAME", "", "a name without spaces, and REDIS_PASSWORD_FILE", userWith(getenv("REDIS_PASSWORD_FILE"))),
		RedisPasswordFile: tier.Read(e, "REDIS_PASSWORD_FILE", "", "the absolute path of a file", parsePath),
		MetricsAddr:       tier.Read(e, "METRICS_ADDR", ":9102", "host:port, the port 0 to 65535, or off", parseMetricsAddr),
		LogLevel:          tier.Read(e, "LOG_LEVEL", "info", "debug, info, warn or error", tier.ParseLevel),
		CountTimeout:      tier.Read(e, "COUNT_TIMEOUT", "5s", "a duration, 100ms to 30s", tier.DurationWithin(100*time.Millisecond, 30*time.Second)),
		ShutdownTimeout:   tier.Read(e, "SHUTDOWN_TIMEOUT", "900ms", "a duration, 10ms to 60s", tier.DurationWithin(10*time.Millisecond, time.Minute)),
		RedisPoolSize:     tier.Read(e, "REDIS_POOL_SIZE", "8", "a number, 1 to 1000", tier.IntWithin(1, 1000)),
	}
	cfg.HistoryAddr = tier.Read(e, "HISTORY_ADDR", "archive:9105", "host:port, or off", parseMetricsAddr)
	// PORT is checked even if LISTEN_ADDR wins: an invalid value is never silently ignored.
	port := tier.Read(e, "PORT", "5002", "a port number, 1 to 65535", tier.IntWithin(1, 65535))
	cfg.ListenAddr = tier.Read(e, "LISTEN_ADDR", ":"+strconv.Itoa(port), "host:port, the port 0 to 65535", tier.ParseListenAddr)
	if err := e.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// userWith accepts a user's name if there is a file with the password, or none.
func userWith(passwordFile string) func(string) (string, bool) {
	return func(text string) (string, bool) {
		return text, text == "" || passwordFile != "" && !strings.ContainsAny(text, " \t\r\n")
	}
}

func parsePath(text string) (string, bool) { return text, text == "" || path.IsAbs(text) }

func parseMetricsAddr(text string) (string, bool) {
	if text == "off" {
		return "", true
	}
	return tier.ParseListenAddr(text)
}
