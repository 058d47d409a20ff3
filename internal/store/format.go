package store

import (
	"fmt"
	"strconv"
	"strings"
)

// FormatTTY formats the reply to a command as redis-cli does on a terminal, with the final newline: types are named, elements numbered,
// and strings quoted, with all bytes escaped that are not printable ASCII. Tables and text, such as the reply to INFO, are unchanged.
func FormatTTY(args []string, r Reply) string {
	if printsRaw(args) {
		var b strings.Builder
		writeRaw(&b, r)
		return b.String()
	}
	var b strings.Builder
	writeTTY(&b, r, "")
	return b.String()
}

// FormatRaw formats a reply as redis-cli does when its output is not a terminal: only the values, one per line.
func FormatRaw(r Reply) string {
	var b strings.Builder
	writeRaw(&b, r)
	b.WriteByte('\n')
	return b.String()
}

// writeTTY writes r; prefix is the indent of the lines after the first.
func writeTTY(b *strings.Builder, r Reply, prefix string) {
	switch r.Kind {
	case Nil:
		b.WriteString("(nil)")
	case Status, Verbatim:
		b.WriteString(r.Text)
	case Error:
		b.WriteString("(error) " + r.Text)
	case Integer:
		b.WriteString("(integer) " + strconv.FormatInt(r.Int, 10))
	case BigNumber: // redis-cli exits on such a reply
		b.WriteString("(integer) " + r.Text)
	case Double:
		b.WriteString("(double) " + r.Text)
	case Bool:
		b.WriteString(boolText(r))
	case String:
		writeQuoted(b, r.Text, &quotedBytes)
	case Array, Map, Set, Push:
		writeElems(b, r, prefix)
		return // the last element has ended the line
	}
	b.WriteByte('\n')
}

func writeElems(b *strings.Builder, r Reply, prefix string) {
	if len(r.Elems) == 0 {
		b.WriteString(emptyText(r.Kind))
		return
	}
	step, mark := 1, ") "
	switch r.Kind {
	case Map:
		step, mark = 2, "# "
	case Set:
		mark = "~ "
	}
	width := len(strconv.Itoa(len(r.Elems) / step))
	inner := prefix + strings.Repeat(" ", width+2)
	for i := 0; i+step <= len(r.Elems); i += step {
		if i > 0 { // the parent has indented the first line
			b.WriteString(prefix)
		}
		number := strconv.Itoa(i/step + 1)
		b.WriteString(strings.Repeat(" ", width-len(number)))
		b.WriteString(number + mark)
		if r.Kind != Map {
			writeTTY(b, r.Elems[i], inner)
			continue
		}
		var key strings.Builder
		writeTTY(&key, r.Elems[i], inner)
		b.WriteString(strings.TrimSuffix(key.String(), "\n") + " => ")
		if multiline(r.Elems[i+1]) { // otherwise its numbers would not be aligned
			b.WriteString("\n" + inner)
		}
		writeTTY(b, r.Elems[i+1], inner)
	}
}

// multiline reports whether writeTTY writes more than one line for r. As in redis-cli, newlines in text do not count.
func multiline(r Reply) bool {
	switch r.Kind {
	case Array, Set, Push:
		return len(r.Elems) > 1 || len(r.Elems) == 1 && multiline(r.Elems[0])
	case Map:
		return len(r.Elems) > 2 || len(r.Elems) == 2 && multiline(r.Elems[1])
	}
	return false
}

func emptyText(k Kind) string {
	switch k {
	case Map:
		return "(empty hash)\n"
	case Set:
		return "(empty set)\n"
	case Push:
		return "(empty push)\n"
	}
	return "(empty array)\n"
}

func boolText(r Reply) string {
	if r.Int != 0 {
		return "(true)"
	}
	return "(false)"
}

// quotedBytes is how redis-cli writes each byte of a string on a terminal; [SplitLine] reads it back.
var quotedBytes = escapes("\\\"\n\r\t\a\b", `\"nrtab`, `\x%02x`, '~')

// escapes returns how each byte is written: those of special as a backslash and a letter, other control characters and those above
// highest by the format, and all others unchanged.
func escapes(special, letters, format string, highest byte) (written [256]string) {
	for i := range written {
		c := byte(i)
		written[i] = string([]byte{c})
		if c < ' ' || c > highest {
			written[i] = fmt.Sprintf(format, c)
		}
	}
	for i := range len(special) {
		written[special[i]] = `\` + letters[i:i+1]
	}
	return written
}

func writeQuoted(b *strings.Builder, s string, written *[256]string) {
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := range len(s) {
		b.WriteString(written[s[i]])
	}
	b.WriteByte('"')
}

func writeRaw(b *strings.Builder, r Reply) {
	switch r.Kind {
	case Nil:
	case Status, String, Verbatim, Double, BigNumber:
		b.WriteString(r.Text)
	case Error:
		b.WriteString(r.Text + "\n") // as in redis-cli, an error is followed by an empty line
	case Integer:
		b.WriteString(strconv.FormatInt(r.Int, 10))
	case Bool:
		b.WriteString(boolText(r))
	case Array, Map, Set, Push:
		for i, e := range r.Elems {
			switch {
			case i == 0:
			case r.Kind == Map && i%2 == 1:
				b.WriteByte(' ')
			default:
				b.WriteByte('\n')
			}
			writeRaw(b, e)
		}
	}
}

// printsRaw reports whether redis-cli prints the reply to a command unchanged, even on a terminal.
func printsRaw(args []string) bool {
	if len(args) == 0 {
		return false
	}
	sub := ""
	if len(args) > 1 {
		sub = strings.ToLower(args[1])
	}
	switch strings.ToLower(args[0]) {
	case "info", "lolwut":
		return true
	case "debug":
		return sub == "htstats" || sub == "htstats-key" || sub == "client-eviction"
	case "memory":
		return sub == "malloc-stats" || sub == "doctor"
	case "cluster":
		return len(args) == 2 && (sub == "nodes" || sub == "info")
	case "client":
		return sub == "list" || sub == "info"
	case "latency":
		return len(args) == 3 && sub == "graph" || len(args) == 2 && sub == "doctor"
	}
	return false
}
