package edge

import (
	"log/slog"

	"stackctl.dev/stackctl/internal/server/tier"
)

// Config is the tier's configuration. In the container it comes from the environment; an unset or empty variable means its default:
//
//	LISTEN_ADDR   :5140  host:port that nginx's lines come to, by UDP; port 0 takes a free one
//	METRICS_ADDR  :9104  host:port that serves /metrics and /healthz
//	LOG_LEVEL     info   debug, info, warn or error
type Config struct {
	ListenAddr  string
	MetricsAddr string
	LogLevel    slog.Level

	// Not from the environment, but built into the program.
	Version string // for /metrics
}

// ConfigFromEnv reads a Config from the environment variables. One error reports all invalid values, so that they can be fixed at once.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	e := tier.NewEnv(getenv)
	const address = "host:port, the port 0 to 65535"
	cfg := Config{
		ListenAddr:  tier.Read(e, "LISTEN_ADDR", ":5140", address, tier.ParseListenAddr),
		MetricsAddr: tier.Read(e, "METRICS_ADDR", ":9104", address, tier.ParseListenAddr),
		LogLevel:    tier.Read(e, "LOG_LEVEL", "info", "debug, info, warn or error", tier.ParseLevel),
	}
	if err := e.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}
