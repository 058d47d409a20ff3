package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const checkTimeout = 2 * time.Second

// Check asks the server listening on addr, this very container's LISTEN_ADDR, for path, and is the
// container's healthcheck. An address without a host is asked on 127.0.0.1. Anything but a 200
// within two seconds is an error, which quotes the beginning of the answer.
func Check(ctx context.Context, addr, path string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("checking %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	target := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/" + strings.TrimPrefix(path, "/")}

	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := get(ctx, target.String()); err != nil {
		return fmt.Errorf("checking %q: %w", target.String(), err)
	}
	return nil
}

// get has a transport of its own: no proxy from the environment, nothing kept open.
func get(ctx context.Context, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, 200))
	if err != nil {
		return fmt.Errorf("reading the answer %q: %w", resp.Status, err)
	}
	return fmt.Errorf("status %d: %q", resp.StatusCode, said)
}
