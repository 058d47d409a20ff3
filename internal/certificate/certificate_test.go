package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// party is a certificate with its key.
type party struct {
	*x509.Certificate
	crypto.Signer
}

var serial int64

// issue makes a certificate for now +- 30 days; by is nil for one that signs itself.
func issue(t *testing.T, name string, by *party, change func(*x509.Certificate)) *party {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issueFor(t, key, name, by, change)
}

func issueFor(t *testing.T, key crypto.Signer, name string, by *party, change func(*x509.Certificate)) *party {
	t.Helper()
	serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(0, 0, -30), NotAfter: now.AddDate(0, 0, 30),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.Signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &party{c, key}
}

func isCA(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

func forNames(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, name := range names {
			if ip := net.ParseIP(name); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, name)
			}
		}
	}
}

func chainOf(parties ...*party) []byte {
	var all []byte
	for _, p := range parties {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Raw})...)
	}
	return all
}

func keyOf(t *testing.T, p *party) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestReadFiles(t *testing.T) {
	root := issue(t, "root", nil, isCA)
	middle := issue(t, "middle", root, isCA)
	leaf := issue(t, "a.example", middle, forNames("a.example", "*.b.example", "192.0.2.7", "2001:db8::7"))
	key := keyOf(t, leaf)
	other := issue(t, "other", root, forNames("other.example"))
	old := issue(t, "old", root, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute); c.DNSNames = []string{"a.example"} })
	young := issue(t, "young", root, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute); c.DNSNames = []string{"a.example"} })
	oldMiddle := issue(t, "old middle", root, func(c *x509.Certificate) { isCA(c); c.NotAfter = now.Add(-time.Minute) })
	underOld := issue(t, "a.example", oldMiddle, forNames("a.example"))
	noCA := issue(t, "no ca", root, nil)
	underNoCA := issue(t, "a.example", noCA, forNames("a.example"))
	mail := issue(t, "mail", root, func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = []string{"a.example"}, []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	})
	nameless := issue(t, "a.example", root, nil)
	weakKey, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // the weak key is the test
	if err != nil {
		t.Fatal(err)
	}
	weak := issueFor(t, weakKey, "weak", root, forNames("a.example"))
	strongKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	strong := issueFor(t, strongKey, "strong", root, forNames("a.example"))
	ecDER, err := x509.MarshalECPrivateKey(leaf.Signer.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	ec := append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ecDER})...)
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(strongKey)})
	block, _ := pem.Decode(key)
	damaged := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: block.Bytes[:len(block.Bytes)-20]})
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: block.Bytes})

	only := []string{"a.example"}
	for _, tt := range []struct {
		name      string
		cert, key []byte
		names     []string
		want      string // "" for good
	}{
		{"a chain", chainOf(leaf, middle), key, []string{"a.example", "A.example", "x.b.example", "192.0.2.7", "2001:db8::7"}, ""},
		{"with its root", chainOf(leaf, middle, root), key, only, ""},
		{"without its issuer", chainOf(leaf), key, nil, ""},
		{"both in one file", append(chainOf(leaf, middle), key...), append(chainOf(leaf, middle), key...), only, ""},
		{"text around", append([]byte("subject: x\n"), chainOf(leaf, middle)...), append([]byte("Bag Attributes\n"), key...), only, ""},
		{"a SEC 1 key", chainOf(leaf, middle), ec, only, ""},
		{"a PKCS #1 key", chainOf(strong), pkcs1, only, ""},

		{"exchanged", key, chainOf(leaf), only, "it is a private key; exchange the two files"},
		{"the certificate twice", chainOf(leaf), chainOf(leaf), only, "it is a certificate; exchange the two files"},
		{"DER", leaf.Raw, key, only, "it is in DER form; convert it: openssl x509"},
		{"nothing", nil, key, only, "no block BEGIN CERTIFICATE in it; give the chain in PEM form"},
		{"no key", chainOf(leaf), []byte("x"), only, "no block BEGIN PRIVATE KEY in it; give the key in PEM form"},
		{"a damaged certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw[:100]}), key, only, "reading certificate 1 of "},
		{"a damaged key", chainOf(leaf), damaged, only, "it is damaged, or of a kind that TLS does not use"},
		{"an encrypted key", chainOf(leaf), encrypted, only, "it is encrypted; decrypt it: openssl pkey"},
		{"an encrypted key of old", chainOf(leaf), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: ecDER}), only, "it is encrypted"},
		{"another key", chainOf(leaf, middle), keyOf(t, other), only, `belongs to another certificate (this one is for "a.example"); give the two files that were made together`},
		{"the wrong order", chainOf(middle, leaf), key, only, "is number 2 in the file; put it first"},
		{"a link is missing", chainOf(leaf, root), key, only, `certificate 1 ("a.example", issued by "CN=middle") is not signed by certificate 2 ("CN=root")`},
		{"one too many", chainOf(leaf, middle, other), key, only, `is not signed by certificate 3 ("other.example")`},
		{"signed by none that may", chainOf(underNoCA, noCA), keyOf(t, underNoCA), only, "is not signed by certificate 2"},
		{"expired", chainOf(old), keyOf(t, old), only, `certificate 1 ("a.example") expired at 2026-11-28T11:59:00Z; get a new one`},
		{"not yet valid", chainOf(young), keyOf(t, young), only, "is not valid before 2026-11-28T12:01:00Z; wait until then, or set this machine's clock (it is 2026-11-28T12:00:00Z)"},
		{"an issuer has expired", chainOf(underOld, oldMiddle), keyOf(t, underOld), only, `certificate 2 ("CN=old middle") expired`},
		{"another name", chainOf(leaf, middle), key, []string{"a.example", "c.example", "192.0.2.8"}, "is not for c.example, 192.0.2.8 (it is for a.example, *.b.example, 192.0.2.7, 2001:db8::7); get one for all names"},
		{"a wildcard is for one level", chainOf(leaf, middle), key, []string{"x.y.b.example"}, "is not for x.y.b.example"},
		{"no name", chainOf(nameless), keyOf(t, nameless), only, "no name: a common name alone does not count"},
		{"for mail", chainOf(mail), keyOf(t, mail), only, "is not for servers"},
		{"a weak key", chainOf(weak), keyOf(t, weak), only, "its RSA key has 1024 bits, and nginx takes 2048 or more"},
		{"a large file", bytes.Repeat([]byte("x"), maxFile+1), key, only, "it is larger than 256 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			certFile, keyFile := filepath.Join(dir, "my chain.pem"), filepath.Join(dir, "my key.pem")
			for file, content := range map[string][]byte{certFile: tt.cert, keyFile: tt.key} {
				if err := os.WriteFile(file, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			pair, err := ReadFiles(certFile, keyFile, tt.names, now)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				again, err := Parse(File{"chain", pair.ChainPEM()}, File{"key", pair.KeyPEM()})
				if err != nil || again.Fingerprint() != pair.Fingerprint() || string(again.KeyPEM()) != string(pair.KeyPEM()) {
					t.Errorf("what it writes is not what it read: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if !strings.Contains(err.Error(), certFile) && !strings.Contains(err.Error(), keyFile) {
				t.Errorf("it names no file: %v", err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("it has lines: %v", err)
			}
			tellsNoKey(t, tt.key, err.Error())
		})
	}
	_, err = ReadFiles("/nowhere/chain.pem", "/nowhere/key.pem", nil, now)
	if err == nil || !strings.Contains(err.Error(), "reading the certificate: open /nowhere/chain.pem") {
		t.Errorf("got %v", err)
	}
}

// tellsNoKey demands that no part of a key stands in a text.
func tellsNoKey(t *testing.T, key []byte, text string) {
	t.Helper()
	block, _ := pem.Decode(key)
	if block == nil || block.Type == "CERTIFICATE" {
		return
	}
	encoded := base64.StdEncoding.EncodeToString(block.Bytes)
	for at := 0; at+12 <= len(encoded); at++ {
		if strings.Contains(text, encoded[at:at+12]) {
			t.Fatalf("it has a part of the key")
		}
	}
	if digits := fmt.Sprintf("%x", block.Bytes[len(block.Bytes)-16:]); strings.Contains(strings.ReplaceAll(text, " ", ""), digits) {
		t.Fatalf("it has a part of the key in hex")
	}
}

// Whatever prints a pair prints no key.
func TestAPairIsPrintedWithoutItsKey(t *testing.T) {
	root := issue(t, "a.example", nil, forNames("a.example"))
	pair, err := Parse(File{"chain", chainOf(root)}, File{"key", keyOf(t, root)})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "pair", pair, "value", *pair)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "pair", pair, "value", *pair)
	encoded, err := json.Marshal(struct{ P *Pair }{pair})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(pair, *pair) + fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v", pair, pair, pair, pair, pair, *pair, *pair, *pair) + log.String()
	block, _ := pem.Decode(pair.KeyPEM())
	tellsNoKey(t, pair.KeyPEM(), text)
	if strings.Contains(string(encoded), base64.StdEncoding.EncodeToString(pair.KeyPEM())[:60]) {
		t.Error("as JSON it has the key")
	}
	if strings.Contains(text, fmt.Sprintf("%d", pair.KeyPEM())[1:40]) || strings.Contains(text, fmt.Sprintf("%d", block.Bytes)[1:40]) {
		t.Error("it has the key's bytes")
	}
	if want := "certificate for a.example until 2026-12-28T12:00:00Z"; fmt.Sprint(pair) != want {
		t.Errorf("got %s", pair)
	}
}

func TestLifetime(t *testing.T) {
	root := issue(t, "root", nil, func(c *x509.Certificate) { isCA(c); c.NotAfter = now.AddDate(0, 0, 15) })
	leaf := issue(t, "a.example", root, forNames("a.example"))
	pair, err := New("an issuer", [][]byte{leaf.Raw, root.Raw}, leaf.Signer)
	if err != nil {
		t.Fatal(err)
	}
	// The chain is valid for 45 days, 30 of which are past.
	if !pair.NotAfter().Equal(now.AddDate(0, 0, 15)) || !pair.RenewAt().Equal(now) {
		t.Errorf("until %s, renewed at %s", pair.NotAfter(), pair.RenewAt())
	}
	if kind := pair.KeyKind(); kind != "ECDSA P-256" {
		t.Errorf("key: %s", kind)
	}
	for _, chain := range [][][]byte{nil, {{1}}, {root.Raw}, {leaf.Raw, leaf.Raw}} {
		if _, err := New("an issuer", chain, leaf.Signer); err == nil {
			t.Errorf("%d bad certificates are taken", len(chain))
		}
	}
}

func TestParseStatus(t *testing.T) {
	s := Status{Issuer: ACME, Configured: ACME, Names: []string{"a.example"}, NotBefore: now, NotAfter: now.AddDate(0, 0, 90), Renewals: 2, Updated: now}
	content, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"issuer":"acme"`, `"names":["a.example"]`, `"not_after":"2027-02-26T12:00:00Z"`, `"last_error":""`} {
		if !strings.Contains(string(content), part) {
			t.Errorf("%s lacks %s", content, part)
		}
	}
	if strings.Contains(string(content), "last_error_at") || strings.Contains(string(content), "next_renewal") {
		t.Errorf("times that are not there are shown: %s", content)
	}
	got, err := ParseStatus(content)
	if err != nil || !got.NotAfter.Equal(s.NotAfter) || got.Left(now) != 90*24*time.Hour || !got.Real() {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "[]", `{"issuer":"\u001b[2J"}`, `{"issuer":"vault"}`, `{"not_after":1}`, strings.Repeat(" ", maxFile) + "{}"} {
		if _, err := ParseStatus([]byte(bad)); err == nil || !strings.Contains(err.Error(), "reading status.json: ") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if (Status{Issuer: Internal}).Real() || (Status{Issuer: Placeholder}).Real() || !(Status{Issuer: Files}).Real() {
		t.Error("what is real")
	}
	if (Status{}).Left(now) != 0 {
		t.Error("none has a time left")
	}
}
