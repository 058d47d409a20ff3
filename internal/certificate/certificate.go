// Package certificate checks a TLS certificate and its private key as a pair, and has the state of the certs tier as others read it.
// The tier, the commands, the doctor and the dashboard share it, so that they agree on what is right.
package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"
)

const (
	// maxFile bounds a file of certificates or a key, in bytes. A chain of three with a key takes about 6 KB.
	maxFile = 256 << 10
	// minRSA is what OpenSSL demands at its default security level, in bits.
	minRSA = 2048
)

// File is the content of a file, with the name that errors call it by.
type File struct {
	Name    string
	Content []byte
}

// Pair is a chain of certificates with the private key of the first. What prints it prints no key.
type Pair struct {
	Chain []*x509.Certificate // the server's own first, each signed by the next

	key []byte // PEM, PKCS #8
	// names the files in errors.
	certFile string
}

// ReadFiles reads and checks a pair that has to be good for the names at the time now: see Parse and Pair.Valid.
func ReadFiles(certFile, keyFile string, names []string, now time.Time) (*Pair, error) {
	cert, err := readFile("certificate", certFile)
	if err != nil {
		return nil, err
	}
	key, err := readFile("private key", keyFile)
	if err != nil {
		return nil, err
	}
	pair, err := Parse(cert, key)
	if err != nil {
		return nil, err
	}
	return pair, pair.Valid(names, now)
}

func readFile(what, name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return File{}, fmt.Errorf("reading the %s: %w", what, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return File{}, fmt.Errorf("reading the %s: %w", what, err)
	}
	if len(content) > maxFile {
		return File{}, fmt.Errorf("reading the %s %q: it is larger than %d KiB; give a file that has nothing else in it", what, name, maxFile>>10)
	}
	return File{Name: name, Content: content}, nil
}

// Parse reads a chain and a key, both in PEM form, and checks that the key is that of the first certificate and that each certificate
// is signed by the next. It does not look at times and names: see Pair.Valid.
func Parse(cert, key File) (*Pair, error) {
	chain, err := parseChain(cert)
	if err != nil {
		return nil, err
	}
	private, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	if err := checkKey(cert.Name, key.Name, chain, private); err != nil {
		return nil, err
	}
	if err := checkOrder(cert.Name, chain); err != nil {
		return nil, err
	}
	return newPair(cert.Name, chain, private)
}

// New makes a pair of what an issuer gave: the chain in DER form and the key. It checks them as Parse does.
func New(from string, chain [][]byte, private crypto.Signer) (*Pair, error) {
	var certificates []*x509.Certificate
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("reading certificate %d of %s: %w", i+1, from, err)
		}
		certificates = append(certificates, c)
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("reading the certificates of %s: there are none", from)
	}
	if err := checkKey(from, "the key of its request", certificates, private); err != nil {
		return nil, err
	}
	if err := checkOrder(from, certificates); err != nil {
		return nil, err
	}
	return newPair(from, certificates, private)
}

func newPair(certFile string, chain []*x509.Certificate, private crypto.Signer) (*Pair, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("writing the key of %s in PKCS #8: %w", certFile, err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return &Pair{Chain: chain, key: key, certFile: certFile}, nil
}

// Leaf returns the server's own certificate.
func (p Pair) Leaf() *x509.Certificate { return p.Chain[0] }

// ChainPEM returns the chain in PEM form.
func (p Pair) ChainPEM() []byte {
	var all []byte
	for _, c := range p.Chain {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return all
}

// KeyPEM returns the private key in PEM form. Write it to a file of its reader alone.
func (p Pair) KeyPEM() []byte { return p.key }

// Names returns the DNS names and addresses that the certificate is for.
func (p Pair) Names() []string {
	names := append([]string(nil), p.Leaf().DNSNames...)
	for _, ip := range p.Leaf().IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// Fingerprint returns the SHA-256 of the server's certificate, in lower-case hex digits.
func (p Pair) Fingerprint() string {
	sum := sha256.Sum256(p.Leaf().Raw)
	return hex.EncodeToString(sum[:])
}

// NotAfter returns when the first certificate of the chain expires.
func (p Pair) NotAfter() time.Time {
	end := p.Leaf().NotAfter
	for _, c := range p.Chain {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

// RenewAt returns when two thirds of the lifetime have passed.
func (p Pair) RenewAt() time.Time {
	begin := p.Leaf().NotBefore
	return begin.Add(p.NotAfter().Sub(begin) / 3 * 2)
}

// String says what the pair is for, without the key.
func (p Pair) String() string {
	return fmt.Sprintf("certificate for %s until %s", strings.Join(p.Names(), ", "), p.NotAfter().UTC().Format(time.RFC3339))
}

// GoString is String: also %#v prints no key.
func (p Pair) GoString() string { return p.String() }

// LogValue is String: also a log has no key.
func (p Pair) LogValue() slog.Value { return slog.StringValue(p.String()) }

// checkKey demands the key of the first certificate.
func checkKey(certFile, keyFile string, chain []*x509.Certificate, private crypto.Signer) error {
	if key, ok := chain[0].PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
		return fmt.Errorf("checking %q: its RSA key has %d bits, and nginx takes %d or more; get a certificate for a new key", certFile, key.N.BitLen(), minRSA)
	}
	for i, c := range chain {
		if !isKeyOf(c, private) {
			continue
		}
		if i == 0 {
			return nil
		}
		return fmt.Errorf("checking %q: the certificate of the key %q is number %d in the file; put it first, and the one that signed it after it", certFile, keyFile, i+1)
	}
	return fmt.Errorf("checking %q: the key %q belongs to another certificate (this one is for %s); give the two files that were made together", certFile, keyFile, subject(chain[0]))
}

func isKeyOf(c *x509.Certificate, private crypto.Signer) bool {
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

// checkOrder demands that each certificate is signed by the next: some clients give up on another order.
func checkOrder(file string, chain []*x509.Certificate) error {
	for i := range len(chain) - 1 {
		if err := chain[i].CheckSignatureFrom(chain[i+1]); err != nil {
			return fmt.Errorf("checking %q: certificate %d (%s, issued by %s) is not signed by certificate %d (%s): %w; put the issuer of each after it, or leave out what does not belong there",
				file, i+1, subject(chain[i]), issuer(chain[i]), i+2, subject(chain[i+1]), err)
		}
	}
	return nil
}

// Valid reports why the pair is not good at the time now for a server of these names; names are DNS names and IP addresses.
func (p Pair) Valid(names []string, now time.Time) error {
	for i, c := range p.Chain {
		switch {
		case now.After(c.NotAfter):
			return fmt.Errorf("checking %q: certificate %d (%s) expired at %s; get a new one", p.certFile, i+1, subject(c), c.NotAfter.UTC().Format(time.RFC3339))
		case now.Before(c.NotBefore):
			return fmt.Errorf("checking %q: certificate %d (%s) is not valid before %s; wait until then, or set this machine's clock (it is %s)",
				p.certFile, i+1, subject(c), c.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
	}
	if leaf := p.Leaf(); !isForServers(leaf) {
		return fmt.Errorf("checking %q: the certificate (%s) is not for servers; get one with the extended key usage serverAuth", p.certFile, subject(leaf))
	}
	var missing []string
	for _, name := range names {
		if err := p.Leaf().VerifyHostname(hostOf(name)); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		has := strings.Join(p.Names(), ", ")
		if has == "" {
			has = "no name: a common name alone does not count"
		}
		return fmt.Errorf("checking %q: the certificate is not for %s (it is for %s); get one for all names, or leave these out", p.certFile, strings.Join(missing, ", "), has)
	}
	return nil
}

// hostOf is the form in which x509 wants an IPv6 address.
func hostOf(name string) string {
	if ip := net.ParseIP(name); ip != nil {
		return "[" + name + "]"
	}
	return name
}

func isForServers(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	for _, use := range c.ExtKeyUsage {
		if use == x509.ExtKeyUsageServerAuth || use == x509.ExtKeyUsageAny {
			return true
		}
	}
	return false
}

func subject(c *x509.Certificate) string {
	if len(c.DNSNames) > 0 {
		return fmt.Sprintf("%q", c.DNSNames[0])
	}
	return fmt.Sprintf("%q", c.Subject.String())
}

func issuer(c *x509.Certificate) string { return fmt.Sprintf("%q", c.Issuer.String()) }

// KeyKind says what kind of key a certificate has, such as ECDSA P-256 or RSA 2048.
func (p Pair) KeyKind() string {
	switch key := p.Leaf().PublicKey.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	}
	return p.Leaf().PublicKeyAlgorithm.String()
}
