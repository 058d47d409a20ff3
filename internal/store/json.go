package store

import (
	"strconv"
	"strings"
)

// jsonBytes is how redis-cli writes each byte of a string in JSON.
var jsonBytes = escapes("\\\"\n\f\r\t\b", `\"nfrtb`, `\u%04x`, 0xff)

// FormatJSON formats a reply as redis-cli --json does, with the final newline. As in redis-cli, two values are not JSON: an error is
// error:"…", and an infinite double is inf. Bytes that are not UTF-8 are unchanged.
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
		writeQuoted(b, r.Text, &jsonBytes)
	case Status, String, Verbatim:
		writeQuoted(b, r.Text, &jsonBytes)
	case Integer:
		b.WriteString(strconv.FormatInt(r.Int, 10))
	case Double, BigNumber: // redis-cli exits on a big number
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

// writeJSONKey writes a key of a map: in RESP3 it may be any reply, in JSON it must be a string.
func writeJSONKey(b *strings.Builder, r Reply) {
	var key strings.Builder
	writeJSON(&key, r)
	if strings.HasPrefix(key.String(), `"`) {
		b.WriteString(key.String())
		return
	}
	writeQuoted(b, key.String(), &jsonBytes)
}
