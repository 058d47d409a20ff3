package certificate

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

func parseChain(f File) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	hasKey := false
	for rest := f.Content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			hasKey = true
		}
		if block.Type != "CERTIFICATE" {
			continue // a key may stand in the same file
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading certificate %d of %q: %w; copy the file again", len(chain)+1, f.Name, err)
		}
		chain = append(chain, c)
	}
	switch {
	case len(chain) > 0:
		return chain, nil
	case hasKey:
		return nil, fmt.Errorf("reading the certificate %q: it is a private key; exchange the two files", f.Name)
	}
	if _, err := x509.ParseCertificate(f.Content); err == nil {
		return nil, fmt.Errorf("reading the certificate %q: it is in DER form; convert it: openssl x509 -inform der -in FILE -out FILE.pem", f.Name)
	}
	return nil, fmt.Errorf("reading the certificate %q: no block BEGIN CERTIFICATE in it; give the chain in PEM form, the server's certificate first", f.Name)
}

func parseKey(f File) (crypto.Signer, error) {
	hasCertificate := false
	for rest := f.Content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		hasCertificate = hasCertificate || block.Type == "CERTIFICATE"
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue // such as EC PARAMETERS
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, fmt.Errorf("reading the private key %q: it is encrypted; decrypt it: openssl pkey -in FILE -out FILE.pem", f.Name)
		}
		return parseKeyBlock(f.Name, block)
	}
	if hasCertificate {
		return nil, fmt.Errorf("reading the private key %q: it is a certificate; exchange the two files", f.Name)
	}
	return nil, fmt.Errorf("reading the private key %q: no block BEGIN PRIVATE KEY in it; give the key in PEM form", f.Name)
}

// parseKeyBlock does not pass on the parsers' errors: nothing of a key may reach a log.
func parseKeyBlock(name string, block *pem.Block) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, fmt.Errorf("reading the private key %q: it is damaged, or of a kind that TLS does not use; give an RSA or ECDSA key", name)
}
