package tier

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

// CheckTimeout is how long a healthcheck may take.
const CheckTimeout = 2 * time.Second

// Check is the container's healthcheck: it requests path from the server that listens on addr, the container's LISTEN_ADDR, and on
// 127.0.0.1 if addr has no host. Anything but a 200 within two seconds is an error, which quotes the beginning of the response.
func Check(ctx context.Context, addr, path string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("checking %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	target := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/" + strings.TrimPrefix(path, "/")}

	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	if err := get(ctx, target.String()); err != nil {
		return fmt.Errorf("checking %q: %w", target.String(), err)
	}
	return nil
}

// get uses its own transport, without a proxy from the environment and without keeping connections open.
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, 200))
	if err != nil {
		return fmt.Errorf("reading the response %q: %w", resp.Status, err)
	}
	return fmt.Errorf("status %d: %q", resp.StatusCode, body)
}
