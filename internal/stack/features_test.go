package stack

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"stackctl.dev/stackctl/assets"
)

func TestRenderFeatures(t *testing.T) {
	conf := "a;\n    # with x: b $name ${name};\nc; # without x\n# with y: d;\n# each STACKCTL_LIST: e {};\n# with x: # each STACKCTL_LIST: f {};\ng ${STACKCTL_A:-1} ${STACKCTL_B:-2} ${STACKCTL_C};\n"
	env := map[string]string{"STACKCTL_LIST": "1,2", "STACKCTL_A": "0"}
	if got, want := RenderFeatures(conf, []string{"x"}, env), "a;\n    b $name ${name};\n# with y: d;\ne 1;\ne 2;\nf 1;\nf 2;\ng 0 2 ;\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := RenderFeatures(conf, nil, nil), "a;\n    # with x: b $name ${name};\nc; # without x\n# with y: d;\n# with x: # each STACKCTL_LIST: f {};\ng 1 2 ;\n"; got != want {
		t.Errorf("without features: got\n%s\nwant\n%s", got, want)
	}
}

// A config that is rendered once more stays as it is, as one that `config` has printed.
func TestRenderFeaturesTwice(t *testing.T) {
	content, err := assets.FS.ReadFile("nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, with := range [][]string{nil, {"limits"}, {"limits", "maintenance"}} {
		once := RenderFeatures(string(content), with, nil)
		if RenderFeatures(once, with, nil) != once {
			t.Errorf("with %v: another time changes it", with)
		}
	}
}

func TestSettings(t *testing.T) {
	features := []Feature{{Name: "a", Default: true}, {Name: "b"}, {Name: "c"}}
	var none Settings
	on := none.Changed(features, []string{"b"}, []string{"a"}, map[string]string{"STACKCTL_RATE": "7"})
	if !slices.Equal(on.With, []string{"b"}) || on.Variables["STACKCTL_RATE"] != "7" {
		t.Errorf("got %+v", on)
	}
	if got := strings.Join(on.Flags(features), " "); got != "--without a --with b --rate 7" {
		t.Errorf("its flags are %s", got)
	}
	if back := on.Changed(features, []string{"a"}, []string{"b"}, map[string]string{"STACKCTL_RATE": ""}); !back.Equal(none) {
		t.Errorf("taken back, it is %+v", back)
	}
	off := none.Changed(features, nil, []string{"a"}, nil)
	if off.With == nil || off.Equal(none) {
		t.Errorf("with everything off it is %+v, as if nothing was chosen", off)
	}
	if err := CheckKnown(features, []string{"d"}); err == nil || err.Error() != "finding feature \"d\": there are a, b, c; `stackctl features` describes them" {
		t.Errorf("got %v", err)
	}
}

// Each choice refuses what would end up in a configuration and is none.
func TestChoicesAreChecked(t *testing.T) {
	good := map[string][]string{
		"bind": {"127.0.0.1", "0.0.0.0", "[::]", "::1"}, "tls-port": {"1", "65535"}, "rate": {"1", "50"}, "tls-issuer": {"internal", "files", "acme"}, "tls-cert": {"/a/b.pem"}, "tls-key": {"/k"}, "domain": {"example.org", "a.example.org,192.0.2.1", "localhost"}, "email": {"a@example.org"}, "acme-directory": {"https://ca.example.org/dir"},
		"trusted-proxy": {"192.0.2.1", "192.0.2.0/24,2001:db8::/32"}, "waf": {"detect", "block"}, "waf-paranoia": {"1", "4"}, "waf-exclusions": {"/a.conf"}, "alert-webhook": {"/run/webhook"},
	}
	for _, c := range Choices {
		for _, value := range good[c.Flag] {
			if err := c.Check(value); err != nil {
				t.Errorf("--%s %s: %v", c.Flag, value, err)
			}
		}
		for _, value := range []string{"", "X", "0", "-1", "-a", "1;", "1 2", "$a", "http://a", "a b@c", "a..b", "65536000", "192.0.2.0/33"} {
			if c.Check(value) == nil {
				t.Errorf("--%s takes %q", c.Flag, value)
			}
		}
		delete(good, c.Flag)
	}
	if len(good) > 0 {
		t.Errorf("no such flags: %v", slices.Collect(maps.Keys(good)))
	}
}

// Every feature is described, and can be turned on for the embedded stack.
func TestFeaturesOfTheEmbeddedStack(t *testing.T) {
	features, err := Features(assets.FS)
	if err != nil {
		t.Fatal(err)
	}
	if got := DefaultFeatures(features); !slices.Equal(got, []string{"limits"}) {
		t.Errorf("by default there are %v", got)
	}
	var all []string
	for _, f := range features {
		if f.Summary == "" || f.Cost == "" {
			t.Errorf("feature %s has no summary or no cost", f.Name)
		}
		all = append(all, f.Name)
	}
	for _, with := range append([][]string{{}, all}, slices.Collect(slices.Chunk(all, 1))...) {
		s, err := Read(t.Context(), Options{Default: assets.FS, With: with})
		if err != nil {
			t.Errorf("with %v: %v", with, err)
			continue
		}
		if !slices.Equal(s.With, with) {
			t.Errorf("with %v: it has %v", with, s.With)
		}
	}
}
