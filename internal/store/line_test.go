package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/store"
)

func TestSplitLine(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"  \t \n", nil},
		{"GET visits", []string{"GET", "visits"}},
		{"  GET\tvisits  \r\n", []string{"GET", "visits"}},
		{`SET k "a b"`, []string{"SET", "k", "a b"}},
		{`SET k ""`, []string{"SET", "k", ""}},
		{`SET k ''`, []string{"SET", "k", ""}},
		{`"\n\r\t\b\a\\\""`, []string{"\n\r\t\b\a\\\""}},
		{`"\x00\xfF\x4A"`, []string{"\x00\xff\x4a"}},
		{`"\xg1\x4"`, []string{"xg1x4"}},
		{`"\q"`, []string{"q"}},
		{`'it\'s \n \\ '`, []string{`it's \n \\ `}},
		{`a"b c" d`, []string{"ab c", "d"}},
		{`a'b c'`, []string{"ab c"}},
		{`back\slash`, []string{`back\slash`}},
		{"\"a\"\vb", []string{"a", "b"}},
		{"a\vb", []string{"a\vb"}},
		{"\fa", []string{"a"}},
		{"Grüße 世界", []string{"Grüße", "世界"}},
	}
	for _, tt := range tests {
		got, err := store.SplitLine(tt.in)
		if err != nil {
			t.Errorf("SplitLine(%q): %v", tt.in, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("SplitLine(%q): -want +got\n%s", tt.in, diff)
		}
	}
}

func TestSplitLineUnbalanced(t *testing.T) {
	for _, in := range []string{`"`, `'`, `"a`, `'a`, `"a"b`, `'a'b`, `"a""b"`, `"a\"`, `'a\'`, `x "\x4`, `a"b`, `"a\`} {
		if got, err := store.SplitLine(in); !errors.Is(err, store.ErrUnbalanced) {
			t.Errorf("SplitLine(%q) = %q, %v, want ErrUnbalanced", in, got, err)
		}
	}
}

// What FormatTTY quotes, SplitLine reads back.
func TestSplitLineReadsQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOf(rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "args")
		quoted := make([]string, len(args))
		for i, a := range args {
			quoted[i] = strings.TrimSuffix(store.FormatTTY(nil, store.Reply{Kind: store.String, Text: a}), "\n")
		}
		got, err := store.SplitLine(strings.Join(quoted, " "))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(args) {
			t.Fatalf("got %q, want %q", got, args)
		}
		for i := range got {
			if got[i] != args[i] {
				t.Fatalf("got %q, want %q", got, args)
			}
		}
	})
}

// redis-cli is given the same lines on its standard input; the server returns the arguments it was sent.
func TestSplitLineLikeRedisCLI(t *testing.T) {
	redis := startRedis(t)
	char := rapid.SampledFrom([]string{"a", "x", "n", "4", "F", " ", " ", "\t", "\v", "\r", `"`, `"`, `'`, `'`, `\`, `\`, `\x41`, "ü", "\xff", "\x01"})
	line := rapid.Map(rapid.SliceOfN(char, 0, 12), func(c []string) string { return strings.Join(c, "") })
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(line, 40, 40).Draw(t, "lines")
		var in, want strings.Builder
		for _, l := range lines {
			in.WriteString(`EVAL "return ARGV" 0 ` + l + "\n")
			args, err := store.SplitLine(l)
			if err != nil {
				want.WriteString("Invalid argument(s)\n")
				continue
			}
			reply := store.Reply{Kind: store.Array}
			for _, a := range args {
				reply.Elems = append(reply.Elems, store.Reply{Kind: store.String, Text: a})
			}
			want.WriteString(store.FormatTTY(nil, reply))
		}
		cmd := redis.command("--no-raw")
		cmd.Stdin = strings.NewReader(in.String())
		got, err := cmd.Output()
		if err != nil {
			t.Fatalf("running redis-cli: %v", err)
		}
		if diff := cmp.Diff(want.String(), string(got)); diff != "" {
			t.Fatalf("for\n%s\n-ours +redis-cli\n%s", in.String(), diff)
		}
	})
}

func FuzzSplitLine(f *testing.F) {
	for _, s := range []string{"", `a "b\x41" 'c\''`, `"\`, "a\"b\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		args, err := store.SplitLine(s)
		if err != nil && args != nil {
			t.Errorf("SplitLine(%q) = %q with error %v", s, args, err)
		}
	})
}
