package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
)

// features returns the checks of what the embedded stack has besides its three tiers, and of who can reach it.
func features(eng *engine.Engine, s *stack.Stack, observed *observe.Observed) []func(context.Context) Check {
	if !s.Embedded {
		return nil
	}
	chosen, _ := kept.Settings(observed)
	checks := []func(context.Context) Check{func(context.Context) Check { return checkLimits(s, observed) }}
	if message, on := chosen.Maintenance(); on {
		checks = append(checks, func(context.Context) Check {
			return Check{Name: "maintenance", Verdict: Note, Detail: "visitors get a 503: " + message, Next: "`stackctl maintenance off` ends it"}
		})
	}
	url, ok := observed.URL()
	if scheme, address, _ := strings.Cut(url, "://"); ok && eng.Local() {
		if scheme == "https" {
			checks = append(checks, func(ctx context.Context) Check { return checkCertificate(ctx, eng, observed) })
		}
		if published := publishedIP(observed); !isLoopback(published) {
			checks = append(checks, func(ctx context.Context) Check { return checkOutside(ctx, scheme, published, address) })
		}
	}
	return checks
}

// publishedIP is the address on which the stack is published; "" if it does not run.
func publishedIP(observed *observe.Observed) string {
	for _, c := range observed.Containers {
		port, ok := c.ReadyPort()
		for _, p := range c.Ports {
			if ok && uint32(p.PrivatePort) == port && p.PublicPort != 0 {
				return p.IP
			}
		}
	}
	return ""
}

func isLoopback(address string) bool {
	ip := net.ParseIP(address)
	return address == "" || ip != nil && ip.IsLoopback()
}

// checkLimits says whom the rate limits limit.
func checkLimits(s *stack.Stack, observed *observe.Observed) Check {
	check := Check{Name: "rate limits", Verdict: OK}
	published := publishedIP(observed)
	proxies := s.Project.Environment["STACKCTL_TRUSTED_PROXY"]
	switch {
	case !slices.Contains(s.With, "limits"):
		check.Detail = "they are off"
		if !isLoopback(published) {
			check.Verdict, check.Next = Note, "turn them on with `stackctl up --with limits`"
		}
	case isLoopback(published):
		check.Detail = "nobody is limited: the stack is published on a loopback address, where all clients have the address of the network's gateway"
	case proxies != "":
		check.Detail = "each client is limited, by the address that the proxies in " + proxies + " name"
	default:
		check.Detail = "each client is limited, by its address; clients on this machine have that of the network's gateway, and are limited together"
	}
	return check
}

// checkCertificate looks how long the certificate is still valid.
func checkCertificate(ctx context.Context, eng *engine.Engine, observed *observe.Observed) Check {
	check := Check{Name: "certificate", Verdict: Broken, Next: "`stackctl logs certs` says why"}
	status, ok, err := observed.Certificate(ctx, eng)
	switch {
	case err != nil:
		check.Detail = err.Error()
		return check
	case !ok:
		check.Detail = "there is none yet"
		return check
	}
	if status.Issuer == certificate.Files {
		check.Next = "replace the files of --tls-cert and --tls-key, and run `stackctl up`"
	}
	now := time.Now()
	check.Detail = fmt.Sprintf("from the issuer %s, for %s: %s", status.Issuer, strings.Join(status.Names, ", "), status.LeftText(now))
	if status.LastError != "" {
		check.Detail += "; the last renewal failed: " + status.LastError
	}
	switch {
	case status.Urgency(now) == certificate.Critical:
	case status.Urgency(now) == certificate.Soon, status.LastError != "", status.Issuer == certificate.Placeholder:
		check.Verdict = Note
	default:
		check.Verdict, check.Next = OK, ""
	}
	return check
}

// checkOutside asks at an address of this machine that other machines may use, not at the loopback one.
func checkOutside(ctx context.Context, scheme, published, address string) Check {
	_, port, _ := net.SplitHostPort(address)
	if observe.IsAny(published) {
		published = outwardAddress(ctx)
	}
	if published == "" {
		return Check{Name: "from outside", Verdict: Note, Detail: "this machine has no address but loopback ones"}
	}
	target := net.JoinHostPort(published, port)
	check := checkHTTP(ctx, "from outside", scheme, "/readyz", func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", target) })
	if check.Verdict == OK {
		check.Detail += " at " + target + "; a firewall may still stop other machines"
	} else {
		check.Detail, check.Next = target+": "+check.Detail, "look at this machine's firewall (iptables -L DOCKER-USER)"
	}
	return check
}

// outwardAddress is this machine's address on the way to others; nothing is sent for that. "" if there is no way.
func outwardAddress(ctx context.Context) string {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", "192.0.2.1:9")
	if err != nil {
		return ""
	}
	defer conn.Close()
	host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	return host
}
