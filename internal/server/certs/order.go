package certs

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/acme"

	"stackctl.dev/stackctl/internal/certificate"
)

// kept is an order that is not finished, in orderFile. The finalize request's answer need not say where the order is (Pebble's does
// not), and a tier that is restarted goes on with it: each order counts against the issuer's limits.
type kept struct {
	For string `json:"for"` // acmeIssuer.id
	URL string `json:"url"`
	Key string `json:"key"` // of the certificate, PEM
}

// order returns the order that is not finished yet, or a new one, and the key that its certificate is for.
func (a *acmeIssuer) order(ctx context.Context, client *acme.Client) (*acme.Order, crypto.Signer, error) {
	if order, key := a.unfinishedOrder(ctx, client); order != nil {
		a.log.Info("order taken up again", "status", order.Status)
		return order, key, nil
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(a.cfg.Names...))
	if err != nil {
		return nil, nil, fmt.Errorf("ordering a certificate for %s: %w", strings.Join(a.cfg.Names, ", "), err)
	}
	key, text, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	content, err := json.Marshal(kept{For: a.id(), URL: order.URI, Key: string(text)})
	if err != nil {
		return nil, nil, fmt.Errorf("keeping the order: %w", err)
	}
	return order, key, a.dir.write(orderFile, content, privateMode)
}

// unfinishedOrder returns nil if there is none that can be finished, whatever the reason.
func (a *acmeIssuer) unfinishedOrder(ctx context.Context, client *acme.Client) (*acme.Order, crypto.Signer) {
	content, err := a.dir.read(orderFile)
	var k kept
	if err != nil || content == nil || json.Unmarshal(content, &k) != nil || k.For != a.id() || k.URL == "" {
		return nil, nil
	}
	key, err := parseKey(orderFile, []byte(k.Key))
	if err != nil {
		return nil, nil
	}
	order, err := client.GetOrder(ctx, k.URL)
	if err != nil || order.Status == acme.StatusInvalid || !order.Expires.IsZero() && order.Expires.Before(time.Now()) && order.Status != acme.StatusValid {
		return nil, nil
	}
	order.URI = k.URL
	return order, key
}

// finish answers the challenges of an order, and fetches its certificate.
func (a *acmeIssuer) finish(ctx context.Context, client *acme.Client, order *acme.Order, key crypto.Signer) (*certificate.Pair, error) {
	if order.Status == acme.StatusPending {
		for _, url := range order.AuthzURLs {
			if err := a.authorize(ctx, client, url); err != nil {
				return nil, err
			}
		}
	}
	uri := order.URI
	order, err := client.WaitOrder(ctx, uri)
	if err != nil {
		return nil, fmt.Errorf("waiting for the order: %w", err)
	}
	order.URI = uri
	var chain [][]byte
	if order.Status == acme.StatusValid { // finalized by an earlier attempt
		chain, err = client.FetchCert(ctx, order.CertURL, true)
	} else {
		var request []byte
		request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: a.cfg.Names}, key)
		if err != nil {
			return nil, fmt.Errorf("making the certificate's request: %w", err)
		}
		chain, _, err = client.CreateCertFromOrder(ctx, order, request, true)
	}
	if err != nil {
		return nil, fmt.Errorf("fetching the certificate: %w", err)
	}
	return certificate.New(a.cfg.Directory, chain, key)
}

// authorize proves that this tier answers for one name.
func (a *acmeIssuer) authorize(ctx context.Context, client *acme.Client, url string) error {
	authorization, err := client.GetAuthorization(ctx, url)
	if err != nil {
		return fmt.Errorf("reading an authorization: %w", err)
	}
	if authorization.Status == acme.StatusValid {
		return nil
	}
	name := authorization.Identifier.Value
	i := slices.IndexFunc(authorization.Challenges, func(c *acme.Challenge) bool { return c.Type == "http-01" })
	if i < 0 {
		return fmt.Errorf("proving that %q leads here: the issuer offers no HTTP-01 challenge; choose another ACME_DIRECTORY", name)
	}
	challenge := authorization.Challenges[i]
	answer, err := client.HTTP01ChallengeResponse(challenge.Token)
	if err != nil {
		return fmt.Errorf("answering the challenge for %q: %w", name, err)
	}
	a.tokens.add(challenge.Token, answer)
	defer a.tokens.remove(challenge.Token)
	if challenge.Status == acme.StatusPending {
		if _, err := client.Accept(ctx, challenge); err != nil {
			return fmt.Errorf("accepting the challenge for %q: %w", name, err)
		}
	}
	if _, err := client.WaitAuthorization(ctx, authorization.URI); err != nil {
		return fmt.Errorf("proving that %q leads here: %w; the issuer has to reach http://%s%s on port 80: look at the name's DNS records and at the firewall", name, err, name, challengePath)
	}
	return nil
}
