package waf

import (
	"log/slog"
	"net"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
)

// What becomes of a request that the rules take for an attack.
const (
	ModeDetect = "detect" // it is logged and goes on
	ModeBlock  = "block"  // it is logged and gets a 403
)

// Config is the tier's configuration. In the container it comes from the environment; an unset or empty variable means its default:
//
//	LISTEN_ADDR       :5003       host:port to listen on; port 0 takes a free one
//	METRICS_ADDR      :9102       host:port that serves /metrics and /healthz
//	LOG_LEVEL         info        debug, info, warn or error
//	SHUTDOWN_TIMEOUT  900ms       10ms to 60s, how long requests in flight may take to finish
//	WAF_UPSTREAM      nginx:5004  host:port that requests go on to
//	WAF_MODE          block       detect or block
//	WAF_PARANOIA      1           1 to 4, the rule set's paranoia level
//	WAF_EXCLUSIONS                path of a file with directives of your own; none if empty
//	WAF_RESPONSES     inspect     inspect or pass: whether short responses of text are inspected too
//	WAF_CONCURRENCY   32          1 to 1000, the largest number of requests that are inspected at the same time
//	UPSTREAM_TIMEOUT  11s         100ms to 5m, how long the upstream may take until its response begins
type Config struct {
	ListenAddr      string
	MetricsAddr     string
	LogLevel        slog.Level
	ShutdownTimeout time.Duration
	Upstream        string
	Mode            string
	Paranoia        int
	Exclusions      string // "" for none
	Responses       bool
	Concurrency     int
	UpstreamTimeout time.Duration

	// Not from the environment, but built into the program.
	Version string // for /metrics
}

// ConfigFromEnv reads a Config from the environment variables. One error reports all invalid values, so that they can be fixed at once.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	e := tier.NewEnv(getenv)
	const address = "host:port, the port 0 to 65535"
	cfg := Config{
		ListenAddr:      tier.Read(e, "LISTEN_ADDR", ":5003", address, tier.ParseListenAddr),
		MetricsAddr:     tier.Read(e, "METRICS_ADDR", ":9102", address, tier.ParseListenAddr),
		LogLevel:        tier.Read(e, "LOG_LEVEL", "info", "debug, info, warn or error", tier.ParseLevel),
		ShutdownTimeout: tier.Read(e, "SHUTDOWN_TIMEOUT", "900ms", "a duration, 10ms to 60s", tier.DurationWithin(10*time.Millisecond, time.Minute)),
		Upstream:        tier.Read(e, "WAF_UPSTREAM", "nginx:5004", "host:port, the port 1 to 65535", parseUpstream),
		Mode:            tier.Read(e, "WAF_MODE", ModeBlock, "detect or block", oneOf(ModeDetect, ModeBlock)),
		Paranoia:        tier.Read(e, "WAF_PARANOIA", "1", "a number, 1 to 4", tier.IntWithin(1, 4)),
		Exclusions:      tier.Read(e, "WAF_EXCLUSIONS", "", "a path", func(path string) (string, bool) { return path, true }),
		Concurrency:     tier.Read(e, "WAF_CONCURRENCY", "32", "a number, 1 to 1000", tier.IntWithin(1, 1000)),
		UpstreamTimeout: tier.Read(e, "UPSTREAM_TIMEOUT", "11s", "a duration, 100ms to 5m", tier.DurationWithin(100*time.Millisecond, 5*time.Minute)),
	}
	cfg.Responses = tier.Read(e, "WAF_RESPONSES", "inspect", "inspect or pass", oneOf("inspect", "pass")) == "inspect"
	if err := e.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

func parseUpstream(text string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || port == "0" {
		return "", false
	}
	return tier.ParseListenAddr(text)
}

func oneOf(words ...string) func(string) (string, bool) {
	return func(text string) (string, bool) {
		for _, word := range words {
			if text == word {
				return text, true
			}
		}
		return "", false
	}
}
