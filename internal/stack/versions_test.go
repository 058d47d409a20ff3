package stack_test

import (
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/stack"
)

func TestRenderVersions(t *testing.T) {
	const (
		conf  = "http {\r\n\t# since NGINX_VERSION 1.27.4: new 1s; # why\r\n    old 2; # until NGINX_VERSION 1.27.4\n    # since then, until now: 1\n}"
		newer = "http {\r\n\tnew 1s; # why\r\n    # since then, until now: 1\n}"
	)
	for variables, want := range map[string]string{
		"":                                       conf,
		"NGINX_VERSION=":                         conf,
		"NGINX_VERSION=1.22.1":                   conf,
		"NGINX_VERSION=1.27.3":                   conf,
		"NGINX_VERSION=1.27":                     conf,
		"NGINX_VERSION=0.99.99":                  conf,
		"NGINX_VERSION=1.9.15":                   conf,
		"NGINX_VERSION=9451270b4411":             conf, // the digest of a program that is in no package
		"NGINX_VERSION=stable":                   conf,
		"OTHER_NGINX_VERSION=1.28.0":             conf,
		"NGINX_VERSION=1.99999999999999999999.0": conf,
		"NGINX_VERSION=1.27.4":                   newer,
		"NGINX_VERSION=1.27.10":                  newer,
		"NGINX_VERSION=1.28":                     newer,
		"PATH=/bin NGINX_VERSION=1.28.0-rc1":     newer,
		"NGINX_VERSION=2.0.0 PKG_RELEASE=1":      newer,
	} {
		got := stack.RenderVersions(conf, strings.Fields(variables))
		if got != want {
			t.Errorf("with %q: %q, want %q", variables, got, want)
		}
		if again := stack.RenderVersions(got, strings.Fields(variables)); again != got {
			t.Errorf("with %q, rendered twice: %q", variables, again)
		}
	}
}
