package tier

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// Env reads environment variables, and collects the errors, so that all invalid values can be fixed at once.
type Env struct {
	getenv func(string) string
	errs   []error
}

// NewEnv returns an Env that gets the variables by getenv, such as os.Getenv.
func NewEnv(getenv func(string) string) *Env { return &Env{getenv: getenv} }

// Err returns one error that reports all invalid values, or nil.
func (e *Env) Err() error { return errors.Join(e.errs...) }

// Read returns the value of a variable; an unset or empty one means fallback. Where parse rejects it, e keeps an error that says
// what is wanted. It is not a method because methods cannot have type parameters.
func Read[T any](e *Env, name, fallback, want string, parse func(string) (T, bool)) T {
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

// ParseHost accepts a DNS name, a container's name (which may contain an underscore) or an IP
// address. Its purpose is to reject a URL or a host:port, not to enforce RFC 1123.
func ParseHost(text string) (string, bool) {
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

// ParseListenAddr accepts host:port with a port of 0 to 65535. The host may be missing.
func ParseListenAddr(text string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", false
	}
	if _, ok := IntWithin(0, 65535)(port); !ok {
		return "", false
	}
	if host != "" {
		if _, ok := ParseHost(host); !ok {
			return "", false
		}
	}
	return text, true
}

// ParseLevel accepts only four words: slog's parser would also accept "info+3".
func ParseLevel(text string) (slog.Level, bool) {
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

// IntWithin accepts whole numbers of low to high.
func IntWithin(low, high int) func(string) (int, bool) {
	return func(text string) (int, bool) {
		n, err := strconv.Atoi(text)
		return n, err == nil && low <= n && n <= high
	}
}

// DurationWithin accepts durations, such as 900ms, of low to high.
func DurationWithin(low, high time.Duration) func(string) (time.Duration, bool) {
	return func(text string) (time.Duration, bool) {
		d, err := time.ParseDuration(text)
		return d, err == nil && low <= d && d <= high
	}
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
