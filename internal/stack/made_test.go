package stack_test

import (
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/stack"
)

const madeCompose = `services:
  a:
    image: x
    secrets: [form, config]
secrets:
  password: {environment: P, x-stackctl: {generate: true}}
  form: {environment: F, x-stackctl: {of: password, template: '{"u":"{}","v":"{}"}'}}
  url: {environment: URL}
  config: {environment: C, x-stackctl: {of: url, template: "url: '{}'"}}
`

// A secret that is made from another one has its text by the template. Of a generated one, its size and what identifies it are known
// before the password is.
func TestSecretsAreMadeFromOthers(t *testing.T) {
	s, err := load(t, madeCompose, func(o *stack.Options) { o.Environment = map[string]string{"URL": " https://example.org/T0\n"} })
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Secrets["config"]; got != "url: 'https://example.org/T0'" {
		t.Errorf("config is %q", got)
	}
	password := stack.NewPassword()
	s.SetPasswords(map[string][]string{"password": {stack.HashPassword(password)}})
	first := s.Hashes["form"]
	s.SetSecrets(map[string]string{"password": password})
	if got, want := s.Secrets["form"], strings.ReplaceAll(`{"u":"{}","v":"{}"}`, "{}", password); got != want || s.SecretSize("form") != int64(len(want)) {
		t.Errorf("form is %q, of %d bytes; want %q", got, s.SecretSize("form"), want)
	}
	if len(first) != 1 || first[0] == stack.HashPassword(password) || first[0] == stack.HashPassword(s.Secrets["form"]) {
		t.Errorf("it is identified by %v", first)
	}
	s.SetPasswords(map[string][]string{"password": {stack.HashPassword(stack.NewPassword()), stack.HashPassword(password)}})
	if got := s.Hashes["form"]; len(got) != 2 || got[0] == first[0] || got[1] != first[0] {
		t.Errorf("with a new password it is identified by %v, before by %v", got, first)
	}
	if !s.MadeOfPassword("form") || s.MadeOfPassword("config") {
		t.Error("only one is made of a password")
	}
}

func TestSecretsAreMadeFromWhatThereIs(t *testing.T) {
	for text, want := range map[string]string{
		"of: password, template": "of: nobody, template", `'{"u":"{}","v":"{}"}'`: "none", "of: url, template": "of: form, template",
	} {
		if _, err := load(t, strings.Replace(madeCompose, text, want, 1)); err == nil || !strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
