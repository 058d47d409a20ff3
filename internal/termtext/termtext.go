// Package termtext makes untrusted text safe to print on a terminal.
//
// Text from a container, Redis or the network may contain bytes that move the cursor, set the window's title, write to the clipboard,
// or reorder and hide what is shown. This package turns them into visible escapes, which the terminal does not obey.
package termtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe returns s with everything a terminal would obey, or a reader could not see, written as an escape:
//
//   - C0 controls except tab, and DEL: \x1b, \x0a
//   - bytes that are not valid UTF-8: \xff
//   - C1 controls, bidirectional controls, invisible formatting characters, line and paragraph separators: \u202e
//   - the same above the basic plane, such as tag characters: \U000e0041
//
// A newline is escaped too, because Safe is for one line; [SafeLines] keeps newlines. Colours (SGR) are no exception. The zero-width
// joiner and non-joiner (U+200D, U+200C) are kept, because emoji families and Persian or Indic words need them and they are harmless, and
// so are the two selectors of text and emoji style (U+FE0E, U+FE0F). A backslash is not doubled, so text that already looks like an
// escape is unchanged, and Safe(Safe(s)) == Safe(s).
//
// Text that needs no change is returned without an allocation.
func Safe(s string) string {
	i := firstUnsafe(s)
	if i == len(s) {
		return s
	}
	dst := make([]byte, 0, len(s)+len(s)/4+16)
	return string(appendFrom(dst, s, i))
}

// AppendSafe appends s to dst, escaped as in Safe, and returns the extended slice.
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

// text is a string or bytes: code for both saves a copy of every log line.
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

// hidden reports whether r, which is not ASCII, controls the terminal or is invisible but changes how its neighbours look.
func hidden(r rune) bool {
	switch {
	case r <= 0x9f: // C1: U+009B is CSI to some terminals
		return true
	case r == 0x200c, r == 0x200d, r == 0xfe0e, r == 0xfe0f: // see Safe
		return false
	case r >= 0x2028 && r <= 0x202e: // line and paragraph separators, bidi embeddings and overrides
		return true
	case r >= 0xfff9 && r <= 0xfffb: // interlinear annotation
		return true
	case r < 0x00ad:
		return false
	}
	return unicode.Is(ignorable, r)
}

// ignorable are the runes that are invisible by themselves (Unicode's Default_Ignorable_Code_Point): soft hyphen, combining grapheme
// joiner, Arabic letter mark, fillers of Hangul and Khmer, variation selectors, marks, joiners and format characters, tags.
var ignorable = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00ad, Hi: 0x00ad, Stride: 1}, {Lo: 0x034f, Hi: 0x034f, Stride: 1}, {Lo: 0x061c, Hi: 0x061c, Stride: 1}, {Lo: 0x115f, Hi: 0x1160, Stride: 1},
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, {Lo: 0x180b, Hi: 0x180f, Stride: 1}, {Lo: 0x200b, Hi: 0x200f, Stride: 1}, {Lo: 0x2060, Hi: 0x206f, Stride: 1},
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, {Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, {Lo: 0xfeff, Hi: 0xfeff, Stride: 1}, {Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
		{Lo: 0xfff0, Hi: 0xfff8, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1bca0, Hi: 0x1bca3, Stride: 1}, {Lo: 0x1d173, Hi: 0x1d17a, Stride: 1}, {Lo: 0xe0000, Hi: 0xe0fff, Stride: 1},
	},
	LatinOffset: 1,
}
