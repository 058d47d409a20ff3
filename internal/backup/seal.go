package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"filippo.io/age"
)

// Secret is what a backup has in encrypted form.
type Secret struct {
	// Passwords are those of the vault by name, the newest of each first.
	Passwords map[string][]string `json:"passwords"`
	// Certificates is a tar of the folder of the tier certs; nil if there is none.
	Certificates []byte `json:"certificates,omitempty"`
	// Entries are those of the rest of the backup: so nobody can put other data beside these secrets.
	Entries []Entry `json:"entries"`
}

// ErrPassphrase says that a passphrase is not the one with which the secrets were encrypted.
var ErrPassphrase = errors.New("the passphrase is not the one that the backup was made with")

// workFactor is the cost of trying a passphrase, as a power of two: about a second and 256 MiB. A file that wants more is refused.
var workFactor = 18

// Seal encrypts secrets with a passphrase, in the form of age (https://age-encryption.org/v1).
func Seal(s Secret, passphrase string) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypting the secrets: %w", err)
	}
	recipient.SetWorkFactor(workFactor)
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypting the secrets: %w", err)
	}
	return sealed.Bytes(), nil
}

var password = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Unseal decrypts the secrets of a backup, and checks that the rest of the backup is what they were written with.
func Unseal(m *Manifest, sealed []byte, passphrase string) (*Secret, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("decrypting the secrets: %w", err)
	}
	identity.SetMaxWorkFactor(18)
	r, err := age.Decrypt(bytes.NewReader(sealed), identity)
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, fmt.Errorf("decrypting the secrets: %w", ErrPassphrase)
	}
	if err != nil {
		return nil, damaged("decrypting the secrets: %v", err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, limits[Secrets]))
	if err != nil {
		return nil, damaged("decrypting the secrets: %v", err)
	}
	var s Secret
	if err := json.Unmarshal(plain, &s); err != nil {
		return nil, damaged("its secrets cannot be read: %v", err)
	}
	rest := slices.DeleteFunc(slices.Clone(m.Entries), func(e Entry) bool { return e.Name == Secrets })
	if !slices.Equal(rest, s.Entries) {
		return nil, damaged("its data are not those that its secrets were written with: somebody has changed it")
	}
	for name, passwords := range s.Passwords {
		if !plainName.MatchString(name) || len(passwords) == 0 || slices.ContainsFunc(passwords, func(p string) bool { return !password.MatchString(p) }) {
			return nil, damaged("the password %.50q is none that stackctl makes", name)
		}
	}
	return &s, nil
}
