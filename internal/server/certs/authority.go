package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
)

const (
	rootLifetime = 10 * 365 * 24 * time.Hour
	leafLifetime = 90 * 24 * time.Hour
	// backdated is by how much certificates begin in the past, for clients whose clocks are slow.
	backdated = time.Hour

	authorityFile = privateDir + "/authority.pem"
)

// alwaysNames are in each certificate of the project's own authority.
var alwaysNames = []string{"localhost", "127.0.0.1", "::1"}

// authority is the project's own certificate authority.
type authority struct {
	dir   *folder
	names []string
	log   *slog.Logger
	now   func() time.Time
}

func newAuthority(cfg Config, dir *folder, log *slog.Logger) (*authority, error) {
	names := slices.Clone(cfg.Names)
	for _, name := range alwaysNames {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	a := &authority{dir: dir, names: names, log: log, now: time.Now}
	if _, err := a.root(); err != nil { // what is wrong with it is better said at the start than in months
		return nil, err
	}
	return a, nil
}

func (a *authority) id() string { return "internal " + strings.Join(a.names, ",") }

func (a *authority) next(p *certificate.Pair, _ time.Time) time.Time { return p.RenewAt() }

// pause is short: nothing but the disk can be in the way.
func (a *authority) pause(int, error) time.Duration { return time.Minute }

func (a *authority) issue(context.Context) (*certificate.Pair, error) {
	root, err := a.root()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	now := a.now()
	leaf := template(a.names[0], now, leafLifetime)
	leaf.DNSNames, leaf.IPAddresses = split(a.names)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if leaf.NotBefore.Before(root.certificate.NotBefore) {
		leaf.NotBefore = root.certificate.NotBefore
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, root.certificate, key.Public(), root.key)
	if err != nil {
		return nil, fmt.Errorf("signing a certificate: %w", err)
	}
	return certificate.New("the project's authority", [][]byte{der}, key)
}

// root is the authority's own certificate and key.
type root struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// root reads the authority, or makes one: where there is none, and where it would expire before what it signs. Damaged files are an
// error, since whoever trusts the authority would have to trust another one.
func (a *authority) root() (root, error) {
	content, err := a.dir.read(authorityFile)
	if err != nil {
		return root{}, fmt.Errorf("reading the project's authority: %w", err)
	}
	if content == nil {
		return a.newRoot("there is none")
	}
	file := certificate.File{Name: a.dir.path(authorityFile), Content: content}
	pair, err := certificate.Parse(file, file)
	if err != nil {
		return root{}, fmt.Errorf("reading the project's authority: %w; restore the file, or delete it to make another authority, which everyone has to trust again", err)
	}
	block, _ := pem.Decode(pair.KeyPEM())
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok { // Parse wrote it
		return root{}, fmt.Errorf("reading the project's authority: the key in %q cannot sign; delete the file to make another authority", file.Name)
	}
	if pair.Leaf().NotAfter.Before(a.now().Add(leafLifetime)) {
		return a.newRoot("it expires soon")
	}
	return root{pair.Leaf(), signer}, a.publishRoot(pair.Leaf())
}

func (a *authority) newRoot(why string) (root, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return root{}, fmt.Errorf("making the authority's key: %w", err)
	}
	t := template("", a.now(), rootLifetime)
	// Systems list authorities by name: two projects have two names.
	t.Subject = pkix.Name{Organization: []string{"stackctl"}, CommonName: "stackctl authority " + hex.EncodeToString(t.SerialNumber.Bytes()[:4])}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return root{}, fmt.Errorf("making the authority's certificate: %w", err)
	}
	pair, err := certificate.New("the project's authority", [][]byte{der}, key)
	if err != nil {
		return root{}, err
	}
	if err := a.dir.write(authorityFile, slices.Concat(pair.ChainPEM(), pair.KeyPEM()), privateMode); err != nil {
		return root{}, err
	}
	a.log.Info("authority made", "reason", why, "fingerprint", pair.Fingerprint(), "not_after", pair.NotAfter().UTC())
	return root{pair.Leaf(), key}, a.publishRoot(pair.Leaf())
}

// publishRoot writes the authority's certificate, without its key, where everyone may read it.
func (a *authority) publishRoot(c *x509.Certificate) error {
	content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	if before, err := a.dir.read(rootFile); err == nil && bytes.Equal(before, content) {
		return nil
	}
	return a.dir.write(rootFile, content, publicMode)
}

// selfSigned makes a placeholder.
func selfSigned(names []string, now time.Time) (*certificate.Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	t := template("", now, leafLifetime)
	t.Subject = pkix.Name{Organization: []string{"stackctl"}, CommonName: "stackctl placeholder"}
	t.DNSNames, t.IPAddresses = split(names)
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a placeholder: %w", err)
	}
	return certificate.New("the placeholder", [][]byte{der}, key)
}

// template has a serial number of 127 random bits; CommonName is for people, and at most 64 bytes.
func template(name string, now time.Time, lifetime time.Duration) *x509.Certificate {
	var serial [16]byte
	_, _ = rand.Read(serial[:])       // never fails: see crypto/rand
	serial[0] = serial[0]&0x7f | 0x40 // positive, and always as long
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		NotBefore:    now.Add(-backdated).Truncate(time.Second),
		NotAfter:     now.Add(lifetime - backdated).Truncate(time.Second),
	}
	if len(name) <= 64 {
		t.Subject.CommonName = name
	}
	return t
}

// split tells addresses from DNS names.
func split(names []string) (dns []string, ips []net.IP) {
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			ips = append(ips, ip)
		} else {
			dns = append(dns, name)
		}
	}
	return dns, ips
}
