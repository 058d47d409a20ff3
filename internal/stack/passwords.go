package stack

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// SecretExtension is a secret's `x-stackctl`.
type SecretExtension struct {
	// Generate makes the secret a random password, which the project keeps (docs/adr/0026). The secret's file or variable is for other
	// tools alone.
	Generate bool `mapstructure:"generate" yaml:"generate,omitempty" json:"generate,omitempty"`
	// Of is a secret from which this one is made, and Template its text, with `{}` for the secret without space around it: for programs
	// that want it in a file of their own format.
	Of       string `mapstructure:"of" yaml:"of,omitempty" json:"of,omitempty"`
	Template string `mapstructure:"template" yaml:"template,omitempty" json:"template,omitempty"`
}

// made is a secret that is made from another one.
type made struct {
	name, of, template string
	source             types.SecretConfig // of the other one
}

// hash identifies the secret's content, which follows from the template and the password.
func (m made) hash(password string) string { return HashPassword(m.template + "\x00" + password) }

// ConfigExtension is a config's `x-stackctl`.
type ConfigExtension struct {
	// Passwords are generated secrets by the name of a Redis user: each line `user NAME` of the config, an ACL file, gets the SHA-256 of
	// the user's password. Without it, nobody can log in as that user.
	Passwords map[string]string `mapstructure:"passwords" yaml:"passwords,omitempty" json:"passwords,omitempty"`
	// Loader is the user of Passwords as whom `stackctl rotate` lets Redis load the file again; "" is for a file that stays as it is.
	Loader string `mapstructure:"loader" yaml:"loader,omitempty" json:"loader,omitempty"`
	// Features says that the marks of features in the config count: see RenderFeatures. In the configuration of a proxy they always do.
	Features bool `mapstructure:"features" yaml:"features,omitempty" json:"features,omitempty"`
}

// ConfigExtensionOf returns the config's `x-stackctl`, the zero value when it has none.
func ConfigExtensionOf(config types.ConfigObjConfig) ConfigExtension {
	ext, _ := config.Extensions[extensionKey].(ConfigExtension)
	return ext
}

// PasswordBytes is the length of a generated password in the file that holds it: 256 random bits in hexadecimal digits.
const PasswordBytes = 64

// content is the text of the secret.
func (m made) content(secret string) string {
	return strings.ReplaceAll(m.template, "{}", strings.TrimSpace(secret))
}

func has[T any](m map[string]T, key string) bool { _, ok := m[key]; return ok }

// NewPassword returns a random password.
func NewPassword() string {
	var random [PasswordBytes / 2]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// HashPassword returns a password's SHA-256 in hexadecimal digits, as Redis has it in an ACL file.
func HashPassword(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// decodeFileExtensions replaces the raw maps of secrets and configs with a SecretExtension or ConfigExtension.
func (s *Stack) decodeFileExtensions() error {
	for _, name := range slices.Sorted(maps.Keys(s.Project.Secrets)) {
		secret := s.Project.Secrets[name]
		raw, ok := secret.Extensions[extensionKey]
		if !ok {
			continue
		}
		var ext SecretExtension
		if err := decode(raw, &ext); err != nil {
			return located(s.files, "secrets."+name+"."+extensionKey, err)
		}
		secret.Extensions = maps.Clone(secret.Extensions)
		secret.Extensions[extensionKey] = ext
		s.Project.Secrets[name] = secret
		if ext.Generate {
			s.generated = append(s.generated, name)
		}
		if ext.Of != "" {
			s.made = append(s.made, made{name: name, of: ext.Of, template: ext.Template, source: s.Project.Secrets[ext.Of]})
		}
	}
	for _, m := range s.made {
		switch {
		case !has(s.Project.Secrets, m.of) || s.IsMade(m.of):
			return located(s.files, "secrets."+m.name+"."+extensionKey, fmt.Errorf("finding secret %q: it is not under secrets, or is made from another one itself", m.of))
		case !strings.Contains(m.template, "{}"):
			return located(s.files, "secrets."+m.name+"."+extensionKey, fmt.Errorf("reading the template of secret %q: it has no {} for the password", m.name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Project.Configs)) {
		config := s.Project.Configs[name]
		raw, ok := config.Extensions[extensionKey]
		if !ok {
			continue
		}
		var ext ConfigExtension
		if err := decode(raw, &ext); err != nil {
			return located(s.files, "configs."+name+"."+extensionKey, err)
		}
		for user, secret := range ext.Passwords {
			if !slices.Contains(s.generated, secret) {
				return located(s.files, "configs."+name+"."+extensionKey, fmt.Errorf("finding the password of user %q: %q is no secret with %s: {generate: true}", user, secret, extensionKey))
			}
		}
		if ext.Loader != "" && ext.Passwords[ext.Loader] == "" {
			return located(s.files, "configs."+name+"."+extensionKey, fmt.Errorf("finding the password of user %q, the loader: it is not under passwords", ext.Loader))
		}
		config.Extensions = maps.Clone(config.Extensions)
		config.Extensions[extensionKey] = ext
		s.Project.Configs[name] = config
	}
	return nil
}

// Generated lists the generated secrets, also those that no service uses, sorted.
func (s *Stack) Generated() []string { return s.generated }

// Generates reports whether a service has a generated secret.
func (s *Stack) Generates(svc types.ServiceConfig) bool {
	return slices.ContainsFunc(svc.Secrets, func(ref types.ServiceSecretConfig) bool { return s.isKept(ref.Source) })
}

// isKept reports whether a secret's content comes from the project: a generated password, or what is made of one.
func (s *Stack) isKept(secret string) bool {
	return slices.Contains(s.generated, secret) || s.MadeOfPassword(secret)
}

// IsMade reports whether a secret is made from another one.
func (s *Stack) IsMade(secret string) bool {
	return slices.ContainsFunc(s.made, func(m made) bool { return m.name == secret })
}

// MadeOfPassword reports whether a secret is made from a generated one. Programs read such files when they start.
func (s *Stack) MadeOfPassword(secret string) bool {
	return slices.ContainsFunc(s.made, func(m made) bool { return m.name == secret && slices.Contains(s.generated, m.of) })
}

// SecretSize is the size of a kept secret's file, in bytes, which is known before its content is.
func (s *Stack) SecretSize(secret string) int64 {
	for _, m := range s.made {
		if m.name == secret {
			return int64(len(m.template) + strings.Count(m.template, "{}")*(PasswordBytes-len("{}")))
		}
	}
	return PasswordBytes
}

// SetSecrets sets the generated passwords, by the secret's name, and what is made of them.
func (s *Stack) SetSecrets(passwords map[string]string) {
	if s.Secrets == nil {
		s.Secrets = map[string]string{}
	}
	maps.Copy(s.Secrets, passwords)
	for _, m := range s.made {
		if password, ok := passwords[m.of]; ok {
			s.Secrets[m.name] = m.content(password)
		}
	}
}

// SetPasswords sets the hashes of the generated secrets, the newest of each first, and writes them into the ACL files. The newest
// password itself, where it is known, is in Secrets.
func (s *Stack) SetPasswords(hashes map[string][]string) {
	s.Hashes = maps.Clone(hashes)
	for _, m := range s.made {
		if !slices.Contains(s.generated, m.of) {
			continue
		}
		s.Hashes[m.name] = nil
		for _, hash := range hashes[m.of] {
			s.Hashes[m.name] = append(s.Hashes[m.name], m.hash(hash))
		}
	}
	for name, config := range s.Project.Configs {
		if ext := ConfigExtensionOf(config); len(ext.Passwords) > 0 {
			config.Content = renderUsers(config.Content, ext.Passwords, hashes)
			s.Project.Configs[name] = config
		}
	}
}

// renderUsers adds the hashes of the users' passwords to the lines of an ACL file, in the place of those that it has.
func renderUsers(content string, passwords map[string]string, hashes map[string][]string) string {
	lines := strings.Split(content, "\n")
	for i, line := range lines {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "user" || passwords[words[1]] == "" {
			continue
		}
		words = slices.DeleteFunc(words, func(word string) bool { return strings.HasPrefix(word, "#") })
		for _, hash := range hashes[passwords[words[1]]] {
			words = append(words, "#"+hash)
		}
		lines[i] = strings.Join(words, " ")
	}
	return strings.Join(lines, "\n")
}

// checkLogin checks that the commands can find the store's password: the project keeps a generated one, any other is read in a
// container that has it.
func (s *Stack) checkLogin(store *Store) error {
	switch _, known := s.Project.Secrets[store.Password]; {
	case store.Password == "" && store.User != "":
		return fmt.Errorf("logging in as user %q: there is no password; name a secret with password", store.User)
	case store.Password == "":
		return nil
	case !known:
		return fmt.Errorf("finding secret %q: it is not under secrets", store.Password)
	case slices.Contains(s.generated, store.Password):
		return nil
	}
	for _, services := range []types.Services{s.Project.Services, s.Project.DisabledServices} {
		for _, svc := range services {
			if slices.ContainsFunc(svc.Secrets, func(ref types.ServiceSecretConfig) bool { return ref.Source == store.Password }) {
				return nil
			}
		}
	}
	return fmt.Errorf("finding secret %q: the commands read it in a container, and no service has it; add it to the secrets of service %q", store.Password, store.Service)
}
