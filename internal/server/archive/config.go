package archive

import (
	"log/slog"
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
)

// Config is the tier's configuration. In the container it comes from the environment; an unset or empty variable means its default:
//
//	REDIS_HOST              redis     name or IP address of the Redis server
//	REDIS_PORT              6379      1 to 65535
//	REDIS_USERNAME                    user of Redis to log in as; needs REDIS_PASSWORD_FILE
//	REDIS_PASSWORD_FILE               file with its password, read again for each connection
//	POSTGRES_HOST           postgres  name or IP address of the PostgreSQL server, or the folder of its socket
//	POSTGRES_PORT           5432      1 to 65535
//	POSTGRES_USER           stackctl  role to log in as
//	POSTGRES_DATABASE       stackctl  database
//	POSTGRES_PASSWORD_FILE            file with the password, read again for each connection
//	LISTEN_ADDR             :9105     host:port for the history, /healthz and /metrics; port 0 takes a free one
//	LOG_LEVEL               info      debug, info, warn or error
//	ARCHIVE_INTERVAL        1s        10ms to 1m, how often Redis is asked
type Config struct {
	RedisAddr            string
	RedisUsername        string
	RedisPasswordFile    string
	PostgresHost         string
	PostgresPort         int
	PostgresUser         string
	PostgresDatabase     string
	PostgresPasswordFile string
	ListenAddr           string
	LogLevel             slog.Level
	Interval             time.Duration

	// Not from the environment, but built into the program.
	Version string // for /metrics
}

// ConfigFromEnv reads a Config from the environment variables. One error reports all invalid values, so that they can be fixed at once.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	e := tier.NewEnv(getenv)
	const port, file = "a port number, 1 to 65535", "the absolute path of a file"
	host := tier.Read(e, "REDIS_HOST", "redis", "a host name or an IP address", tier.ParseHost)
	cfg := Config{
		RedisAddr:            net.JoinHostPort(host, strconv.Itoa(tier.Read(e, "REDIS_PORT", "6379", port, tier.IntWithin(1, 65535)))),
		RedisUsername:        tier.Read(e, "REDIS_USERNAME", "", "a name without spaces", parseName),
		RedisPasswordFile:    tier.Read(e, "REDIS_PASSWORD_FILE", "", file, parseFile),
		PostgresHost:         tier.Read(e, "POSTGRES_HOST", "postgres", "a host name, an IP address or an absolute path", parsePostgresHost),
		PostgresPort:         tier.Read(e, "POSTGRES_PORT", "5432", port, tier.IntWithin(1, 65535)),
		PostgresUser:         tier.Read(e, "POSTGRES_USER", "stackctl", "a name without spaces", parseName),
		PostgresDatabase:     tier.Read(e, "POSTGRES_DATABASE", "stackctl", "a name without spaces", parseName),
		PostgresPasswordFile: tier.Read(e, "POSTGRES_PASSWORD_FILE", "", file, parseFile),
		ListenAddr:           tier.Read(e, "LISTEN_ADDR", ":9105", "host:port, the port 0 to 65535", tier.ParseListenAddr),
		LogLevel:             tier.Read(e, "LOG_LEVEL", "info", "debug, info, warn or error", tier.ParseLevel),
		Interval:             tier.Read(e, "ARCHIVE_INTERVAL", "1s", "a duration, 10ms to 1m", tier.DurationWithin(10*time.Millisecond, time.Minute)),
	}
	return cfg, e.Err()
}

func parseName(text string) (string, bool) { return text, !strings.ContainsAny(text, " \t\r\n'\"\\") }

func parseFile(text string) (string, bool) { return text, text == "" || path.IsAbs(text) }

func parsePostgresHost(text string) (string, bool) {
	if path.IsAbs(text) {
		return text, !strings.ContainsAny(text, " \t\r\n,'\\")
	}
	return tier.ParseHost(text)
}
