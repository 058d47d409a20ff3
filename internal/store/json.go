package store

import (
	"strconv"
	"strings"
)

// FormatJSON prints a reply as redis-cli --json does, final newline included. Two things in it are redis-cli's, not JSON: an error is error:"…",
// and an infinite double is inf. Bytes that are not UTF-8 stay as they are.
func FormatJSON(r Reply) string {
	var b strings.Builder
	writeJSON(&b, r)
	b.WriteByte('\n')
	return b.String()
}

func writeJSON(b *strings.Builder, r Reply) {
	switch r.Kind {
	case Nil:
		b.WriteString("null")
	case Error:
		b.WriteString("error:")
		writeJSONString(b, r.Text)
	case Status, String, Verbatim:
		writeJSONString(b, r.Text)
	case Integer:
		b.WriteString(strconv.FormatInt(r.Int, 10))
	case Double, BigNumber: // redis-cli knows no big numbers and exits
		b.WriteString(r.Text)
	case Bool:
		b.WriteString(strconv.FormatBool(r.Int != 0))
	case Array, Set, Push:
		b.WriteByte('[')
		for i, e := range r.Elems {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, e)
		}
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		for i := 0; i+1 < len(r.Elems); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSONKey(b, r.Elems[i])
			b.WriteByte(':')
			writeJSON(b, r.Elems[i+1])
		}
		b.WriteByte('}')
	}
}

// writeJSONKey writes a key, which is a string in JSON, and anything in RESP3.
func writeJSONKey(b *strings.Builder, r Reply) {
	var key strings.Builder
	writeJSON(&key, r)
	if strings.HasPrefix(key.String(), `"`) {
		b.WriteString(key.String())
		return
	}
	writeJSONString(b, key.String())
}

func writeJSONString(b *strings.Builder, s string) {
	const hex = "0123456789abcdef"
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\', c == '"':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\f':
			b.WriteString(`\f`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\b':
			b.WriteString(`\b`)
		case c < ' ':
			b.WriteString(`\u00`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&0xf])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}
