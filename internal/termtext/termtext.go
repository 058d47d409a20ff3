// Package termtext makes untrusted text safe to print on a terminal.
//
// Whatever comes out of a container, Redis or the network may hold bytes that move the cursor, set the window's title, write to
// the clipboard, or reorder and hide what is shown. Here they become visible escapes, and the terminal obeys none of them.
package termtext

import (
	"strings"
	"unicode/utf8"
)

// Safe returns s with everything a terminal would obey, or a reader could not see, written as an escape:
//
//   - C0 controls except tab, and DEL: \x1b, \x0a
//   - bytes that are no valid UTF-8: \xff
//   - C1 controls, bidirectional controls, invisible formatting characters, line and paragraph separators: \u202e
//   - the same above the basic plane, such as tag characters: \U000e0041
//
// A newline is escaped too, since Safe is for one line; [SafeLines] keeps newlines. Colours (SGR) get no exception. The zero-width joiner
// and non-joiner (U+200D, U+200C) stay: emoji families and Persian or Indic words are built with them, and they move nothing.
// A backslash is not doubled, so text that already looks like an escape stays as it is, and Safe(Safe(s)) == Safe(s).
//
// Text that needs no change is returned as it is, without allocating.
func Safe(s string) string {
	i := firstUnsafe(s)
	if i == len(s) {
		return s
	}
	dst := make([]byte, 0, len(s)+len(s)/4+16)
	return string(appendFrom(dst, s, i))
}

// AppendSafe appends the safe form of s to dst, as Safe writes it, and returns the extended slice.
func AppendSafe(dst, s []byte) []byte {
	return appendFrom(dst, s, firstUnsafe(s))
}

// SafeLines is Safe for text of several lines: it keeps each newline, and drops the carriage return before it.
func SafeLines(s string) string {
	if firstUnsafe(s) == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for line := range strings.Lines(s) {
		text, hasNewline := strings.CutSuffix(line, "\n")
		if hasNewline {
			text = strings.TrimSuffix(text, "\r")
		}
		b.WriteString(Safe(text))
		if hasNewline {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// text is what the scanner reads; one body for both spares a copy of every log line.
type text interface{ ~string | ~[]byte }

// appendFrom appends s to dst; next is the index of the first rune of s that needs an escape.
func appendFrom[T text](dst []byte, s T, next int) []byte {
	for {
		dst = append(dst, s[:next]...)
		s = s[next:]
		if len(s) == 0 {
			return dst
		}
		r, size := decode(s)
		dst = appendEscape(dst, r, size, s[0])
		s = s[size:]
		next = firstUnsafe(s)
	}
}

// firstUnsafe returns the index of the first rune of s that needs an escape, or len(s).
func firstUnsafe[T text](s T) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if (c < ' ' && c != '\t') || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := decode(s[i:])
		if (r == utf8.RuneError && size == 1) || hidden(r) {
			return i
		}
		i += size
	}
	return len(s)
}

// decode reads the first rune of s. The copy of at most four bytes stays on the stack.
func decode[T text](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}

const hexDigits = "0123456789abcdef"

func appendEscape(dst []byte, r rune, size int, first byte) []byte {
	if size == 1 {
		return append(dst, '\\', 'x', hexDigits[first>>4], hexDigits[first&0xf])
	}
	kind, digits := byte('u'), 4
	if r > 0xffff {
		kind, digits = 'U', 8
	}
	dst = append(dst, '\\', kind)
	for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[(r>>shift)&0xf])
	}
	return dst
}

// hidden reports whether r, which is not ASCII, controls the terminal or changes how its neighbours look without being seen itself.
func hidden(r rune) bool {
	switch {
	case r <= 0x9f: // C1: U+009B is CSI to some terminals
		return true
	case r < 0x061c:
		return false
	case r == 0x061c, r == 0x180e: // Arabic letter mark, Mongolian vowel separator
		return true
	case r == 0x200b, r == 0x200e, r == 0x200f: // zero-width space, left-to-right and right-to-left marks
		return true
	case r >= 0x2028 && r <= 0x202e: // line and paragraph separators, bidi embeddings and overrides
		return true
	case r >= 0x2060 && r <= 0x206f: // word joiner, invisible operators, bidi isolates, deprecated format characters
		return true
	case r == 0xfeff, r >= 0xfff9 && r <= 0xfffb: // byte order mark, interlinear annotation
		return true
	case r >= 0xe0000 && r <= 0xe007f: // tags: invisible ASCII, used to smuggle text
		return true
	}
	return false
}
