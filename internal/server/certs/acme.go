package certs

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"stackctl.dev/stackctl/internal/certificate"
)

const (
	// An issuer that answered with an error is asked again after 5 minutes, and then after twice as long each time: four times in
	// the first hour, below Let's Encrypt's limit of five failures. https://letsencrypt.org/docs/rate-limits/
	refusedPause = 5 * time.Minute
	// One that did not answer got no request, so it is asked sooner: a machine that starts has no network for a moment.
	absentPause        = 30 * time.Second
	longestPause       = 24 * time.Hour
	longestAbsentPause = time.Hour

	// acmeRetries is how often one request is repeated within an attempt.
	acmeRetries = 3
	// acmeTimeout bounds one request to the issuer.
	acmeTimeout = 30 * time.Second

	orderFile = privateDir + "/order.json"
)

// acmeIssuer gets certificates by ACME, RFC 8555, with the HTTP-01 challenge.
type acmeIssuer struct {
	cfg    Config
	dir    *folder
	tokens *tokens
	log    *slog.Logger
	http   *http.Client
}

func newACME(cfg Config, dir *folder, tokens *tokens, log *slog.Logger) (*acmeIssuer, error) {
	roots, err := publicRoots(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	return &acmeIssuer{cfg: cfg, dir: dir, tokens: tokens, log: log, http: &http.Client{
		Timeout: acmeTimeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: acmeTimeout, TLSHandshakeTimeout: acmeTimeout,
			DialContext:     (&net.Dialer{Timeout: acmeTimeout}).DialContext,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
	}}, nil
}

// publicRoots are the system's and, since the image has none, Mozilla's, which are built into the program.
func publicRoots(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for r := range bundle.Roots() {
		c, err := x509.ParseCertificate(r.Certificate)
		if err != nil {
			return nil, fmt.Errorf("reading the public roots: %w", err)
		}
		if r.Constraint != nil {
			pool.AddCertWithConstraint(c, r.Constraint)
		} else {
			pool.AddCert(c)
		}
	}
	if file == "" {
		return pool, nil
	}
	content, err := readKept(file)
	if err != nil {
		return nil, fmt.Errorf("reading ACME_CA_FILE: %w", err)
	}
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("reading ACME_CA_FILE %q: no block BEGIN CERTIFICATE in it; give the issuer's root in PEM form", file)
	}
	return pool, nil
}

func (a *acmeIssuer) id() string {
	return "acme " + a.cfg.Directory + " " + strings.Join(a.cfg.Names, ",")
}

func (a *acmeIssuer) next(p *certificate.Pair, _ time.Time) time.Time { return p.RenewAt() }

func (a *acmeIssuer) pause(failures int, err error) time.Duration {
	first, longest := absentPause, longestAbsentPause
	var answered *acme.Error
	var order *acme.OrderError
	var authorization *acme.AuthorizationError
	asked := errors.As(err, &answered)
	if asked || errors.As(err, &order) || errors.As(err, &authorization) {
		first, longest = refusedPause, longestPause
	}
	pause := longest
	if n := max(failures-1, 0); n < 20 { // 2^20 times is longer in any case
		pause = min(first<<n, longest)
	}
	if asked {
		if wanted, limited := acme.RateLimit(answered); limited {
			pause = min(max(pause, wanted), longestPause)
		}
	}
	return pause + mathrand.N(pause/10) // machines that failed together do not ask together
}

// issue finishes the order that an earlier attempt began, or makes one.
func (a *acmeIssuer) issue(ctx context.Context) (*certificate.Pair, error) {
	defer a.http.CloseIdleConnections() // the next request is weeks away
	client, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	order, key, err := a.order(ctx, client)
	if err != nil {
		return nil, err
	}
	pair, err := a.finish(ctx, client, order, key)
	if err == nil || isFinal(err) {
		if removing := a.dir.remove(orderFile); removing != nil {
			err = errors.Join(err, removing)
		}
	}
	return pair, err
}

// isFinal reports whether an order cannot succeed any more; after other errors, such as a lost connection, it is taken up again.
func isFinal(err error) bool {
	var answered *acme.Error
	refused := errors.As(err, &answered) && answered.StatusCode >= 400 && answered.StatusCode < 500 && answered.StatusCode != http.StatusTooManyRequests
	return refused || errors.As(err, new(*acme.OrderError)) || errors.As(err, new(*acme.AuthorizationError))
}

// client has the account, which is made with the first order and kept.
func (a *acmeIssuer) client(ctx context.Context) (*acme.Client, error) {
	sum := sha256.Sum256([]byte(a.cfg.Directory))
	key, err := a.key(privateDir + "/account-" + hex.EncodeToString(sum[:4]) + ".pem")
	if err != nil {
		return nil, fmt.Errorf("reading the ACME account: %w", err)
	}
	client := &acme.Client{Key: key, HTTPClient: a.http, DirectoryURL: a.cfg.Directory, UserAgent: "stackctl/" + a.cfg.Version, RetryBackoff: backoff}
	account := &acme.Account{}
	if a.cfg.Email != "" {
		account.Contact = []string{"mailto:" + a.cfg.Email}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, fmt.Errorf("registering at %s: %w", a.cfg.Directory, err)
	}
	return client, nil
}

// backoff bounds the repetitions that the client itself makes of a request, which are endless by default.
func backoff(n int, _ *http.Request, res *http.Response) time.Duration {
	if n > acmeRetries || res != nil && res.StatusCode == http.StatusTooManyRequests {
		return 0 // no more
	}
	return time.Second << (n - 1)
}

// key reads a private key of the folder, or makes it.
func (a *acmeIssuer) key(name string) (crypto.Signer, error) {
	content, err := a.dir.read(name)
	if err != nil {
		return nil, err
	}
	if content != nil {
		return parseKey(a.dir.path(name), content)
	}
	key, text, err := newKey()
	if err != nil {
		return nil, err
	}
	return key, a.dir.write(name, text, privateMode)
}

func newKey() (crypto.Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// parseKey does not pass on the parser's error: nothing of a key may reach a log.
func parseKey(name string, content []byte) (crypto.Signer, error) {
	if block, _ := pem.Decode(content); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
		}
	}
	return nil, fmt.Errorf("reading the key %q: it is damaged; delete the file to make another one", name)
}
