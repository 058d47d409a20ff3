package termtext_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"stackctl.dev/stackctl/internal/termtext"
)

func TestSafe(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", ""},
		{"ascii", "GET /count 200", "GET /count 200"},
		{"tab stays", "a\tb", "a\tb"},
		{"utf-8 stays", "Grüße, 世界 ✓", "Grüße, 世界 ✓"},
		{"replacement character stays", "a\ufffdb", "a\ufffdb"},
		{"NBSP stays", "b\u00a0c", "b\u00a0c"},
		{"emoji selector stays", "❤\ufe0f", "❤\ufe0f"},
		{"what is not seen", "a\u00adb\u034f\u115f\u3164\uffa0", `a\u00adb\u034f\u115f\u3164\uffa0`},
		{"selectors that hide bytes", "a\ufe01\U000e0100", `a\ufe01\U000e0100`},
		{"emoji joined with ZWJ stays", "👩\u200d🚀", "👩\u200d🚀"},
		{"Persian with ZWNJ stays", "می\u200cخواهم", "می\u200cخواهم"},
		{"colour", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"window title", "\x1b]0;owned\x07", `\x1b]0;owned\x07`},
		{"clipboard", "\x1b]52;c;cm0=\x1b\\", `\x1b]52;c;cm0=\x1b\`},
		{"cr and backspace", "good\rbad\b\b", `good\x0dbad\x08\x08`},
		{"newline", "a\nb", `a\x0ab`},
		{"nul and del", "\x00\x7f", `\x00\x7f`},
		{"c1 csi", "\u009b31m", `\u009b31m`},
		{"raw c1 byte is invalid utf-8", "\x9b31m", `\x9b31m`},
		{"last c1", "\u009f\u00a0", "\\u009f\u00a0"},
		{"truncated rune", "a\xe4\xb8", `a\xe4\xb8`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"overlong", "\xc0\x9b", `\xc0\x9b`},
		{"right-to-left override", "exe\u202etxt", `exe\u202etxt`},
		{"isolates", "\u2066a\u2069", `\u2066a\u2069`},
		{"marks", "\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		{"zero width", "a\u200bb\u2060c\ufeffd", `a\u200bb\u2060c\ufeffd`},
		{"line separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"tags", "a\U000e0041\U000e007f", `a\U000e0041\U000e007f`},
		{"already escaped", `\x1b[31m`, `\x1b[31m`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := termtext.Safe(tt.in); got != tt.want {
				t.Errorf("Safe(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if got := string(termtext.AppendSafe([]byte("> "), []byte(tt.in))); got != "> "+tt.want {
				t.Errorf("AppendSafe(%q) = %q, want %q", tt.in, got, "> "+tt.want)
			}
		})
	}
}

func TestSafeLines(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"one", "one"},
		{"one\ntwo\n", "one\ntwo\n"},
		{"one\r\ntwo\r\n", "one\ntwo\n"},
		{"a\rb\n\n\x1bc", "a\\x0db\n\n\\x1bc"},
		{"end\r", `end\x0d`},
	}
	for _, tt := range tests {
		if got := termtext.SafeLines(tt.in); got != tt.want {
			t.Errorf("SafeLines(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSafeTextIsNotCopied(t *testing.T) {
	clean, dst := "GET /count 200 世界 👩\u200d🚀", make([]byte, 0, 256)
	line := []byte(clean)
	if n := testing.AllocsPerRun(100, func() { _ = termtext.Safe(clean) }); n != 0 {
		t.Errorf("Safe allocates %v times for clean text, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() { _ = termtext.AppendSafe(dst, line) }); n != 0 {
		t.Errorf("AppendSafe allocates %v times into a slice with room, want 0", n)
	}
}

// forbidden is written apart from the code under test, as the list that the package promises.
func forbidden(r rune) bool {
	return r < ' ' && r != '\t' || r >= 0x7f && r <= 0x9f ||
		strings.ContainsRune("\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff", r) ||
		r >= 0xe0000 && r <= 0xe007f
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[2J", "a\xffb", "\u202e\u2066", "\U000e0041", "👩\u200d🚀\u009b", "\n\r\t\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := termtext.Safe(s)
		if !utf8.ValidString(got) {
			t.Errorf("Safe(%q) = %q is not valid UTF-8", s, got)
		}
		if i := strings.IndexFunc(got, forbidden); i >= 0 {
			t.Errorf("Safe(%q) = %q has a forbidden rune at %d", s, got, i)
		}
		if again := termtext.Safe(got); again != got {
			t.Errorf("Safe is not idempotent: %q, then %q", got, again)
		}
		if utf8.ValidString(s) && !strings.ContainsFunc(s, forbidden) && !strings.ContainsFunc(s, alsoEscaped) && got != s {
			t.Errorf("Safe(%q) = %q changed harmless text", s, got)
		}
		if app := string(termtext.AppendSafe(nil, []byte(s))); app != got {
			t.Errorf("AppendSafe(%q) = %q, but Safe = %q", s, app, got)
		}
		lines := termtext.SafeLines(s)
		if strings.Count(lines, "\n") != strings.Count(s, "\n") || strings.ContainsFunc(strings.ReplaceAll(lines, "\n", ""), forbidden) {
			t.Errorf("SafeLines(%q) = %q", s, lines)
		}
	})
}

// alsoEscaped lists what the package escapes beyond its promise.
func alsoEscaped(r rune) bool {
	return r == 0x180e || r >= 0x2061 && r <= 0x206f || r >= 0xfff9 && r <= 0xfffb || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		r != 0xfe0e && r != 0xfe0f && unicode.Is(unicode.Variation_Selector, r) || r == 0xad || r >= 0x1bca0 && r <= 0x1bca3 || r >= 0x1d173 && r <= 0x1d17a || r >= 0xfff0 && r <= 0xfff8
}

func BenchmarkSafe(b *testing.B) {
	for name, s := range map[string]string{
		"ascii":  strings.Repeat("GET /count 200 1.2ms ", 8),
		"utf8":   strings.Repeat("Grüße, 世界 ", 12),
		"colour": strings.Repeat("\x1b[32mINFO\x1b[0m started ", 8),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				_ = termtext.Safe(s)
			}
		})
	}
}
