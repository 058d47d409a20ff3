package certs

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"strings"

	"golang.org/x/crypto/acme"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier"
)

// maxNames bounds the names of a certificate; Let's Encrypt's bound is 100.
const maxNames = 100

// Config is the certs tier's configuration. In the container it comes from the environment; an unset or empty variable means its
// default:
//
//	CERTS_ISSUER    internal                     internal, files or acme
//	CERTS_NAMES                                  DNS names and IP addresses, comma separated, that the certificate has to be for
//	CERTS_DIR       /certs                       folder of the certificate
//	CERTS_CERT_FILE /run/secrets/tls_cert        chain of the user's, for files
//	CERTS_KEY_FILE  /run/secrets/tls_key         its private key, for files
//	ACME_DIRECTORY  Let's Encrypt's              URL of the issuer's directory, for acme
//	ACME_EMAIL                                   address for the issuer's notices, for acme
//	ACME_CA_FILE                                 PEM file of roots to trust with ACME_DIRECTORY, beside the public ones
//	LISTEN_ADDR     :9103                        host:port that serves /healthz and /metrics
//	CHALLENGE_ADDR  :5003                        host:port that answers ACME's challenges, for acme
//	LOG_LEVEL       info                         debug, info, warn or error
type Config struct {
	Issuer        string // certificate.Internal, Files or ACME
	Names         []string
	Dir           string
	CertFile      string
	KeyFile       string
	Directory     string
	Email         string
	CAFile        string
	ListenAddr    string
	ChallengeAddr string
	LogLevel      slog.Level

	// Not from the environment, but built into the program.
	Version string // for /metrics
}

// ConfigFromEnv reads a Config from the environment variables. One error reports all invalid values, so that they can be fixed at once.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	e := tier.NewEnv(getenv)
	cfg := Config{
		Issuer:        tier.Read(e, "CERTS_ISSUER", certificate.Internal, "internal, files or acme", parseIssuer),
		Names:         tier.Read(e, "CERTS_NAMES", "", "DNS names or IP addresses, comma separated, 100 at most", parseNames),
		Dir:           tier.Read(e, "CERTS_DIR", "/certs", "an absolute path", parsePath),
		CertFile:      tier.Read(e, "CERTS_CERT_FILE", "/run/secrets/tls_cert", "an absolute path", parsePath),
		KeyFile:       tier.Read(e, "CERTS_KEY_FILE", "/run/secrets/tls_key", "an absolute path", parsePath),
		Directory:     tier.Read(e, "ACME_DIRECTORY", acme.LetsEncryptURL, "an https URL", parseDirectory),
		Email:         tier.Read(e, "ACME_EMAIL", "", "an e-mail address", parseEmail),
		CAFile:        tier.Read(e, "ACME_CA_FILE", "", "an absolute path", parseOptionalPath),
		ListenAddr:    tier.Read(e, "LISTEN_ADDR", ":9103", "host:port, the port 0 to 65535", tier.ParseListenAddr),
		ChallengeAddr: tier.Read(e, "CHALLENGE_ADDR", ":5003", "host:port, the port 0 to 65535", tier.ParseListenAddr),
		LogLevel:      tier.Read(e, "LOG_LEVEL", "info", "debug, info, warn or error", tier.ParseLevel),
	}
	err := e.Err()
	if cfg.Issuer == certificate.ACME {
		err = errors.Join(err, checkACMENames(cfg.Names))
	}
	if err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// checkACMENames finds names that no public issuer can check by HTTP.
func checkACMENames(names []string) error {
	if len(names) == 0 {
		return errors.New(`reading CERTS_NAMES: ACME needs the domain that the certificate is for`)
	}
	var errs []error
	for _, name := range names {
		if net.ParseIP(name) != nil || strings.HasPrefix(name, "*.") || !strings.Contains(name, ".") {
			errs = append(errs, fmt.Errorf("reading CERTS_NAMES %q: want public DNS names for ACME, without wildcards: it checks them by HTTP", name))
		}
	}
	return errors.Join(errs...)
}

func parseIssuer(text string) (string, bool) {
	switch text {
	case certificate.Internal, certificate.Files, certificate.ACME:
		return text, true
	}
	return "", false
}

func parseNames(text string) ([]string, bool) {
	var names []string
	seen := map[string]bool{}
	for _, name := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if ip := net.ParseIP(name); ip != nil {
			name = ip.String()
		} else if !isDNSName(strings.TrimPrefix(name, "*.")) {
			return nil, false
		}
		if !seen[name] {
			names = append(names, name)
		}
		seen[name] = true
	}
	return names, len(names) <= maxNames
}

// isDNSName accepts the names that a certificate can have: letters, digits and hyphens, or in ASCII form what has others.
func isDNSName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func parsePath(text string) (string, bool) { return text, strings.HasPrefix(text, "/") }

func parseOptionalPath(text string) (string, bool) {
	return text, text == "" || strings.HasPrefix(text, "/")
}

func parseDirectory(text string) (string, bool) {
	u, err := url.Parse(text)
	return text, err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

func parseEmail(text string) (string, bool) {
	if text == "" {
		return "", true
	}
	address, err := mail.ParseAddress(text)
	return text, err == nil && address.Address == text
}
