package store

import (
	"strconv"
	"strings"
)

// FormatTTY prints the reply to a command as redis-cli does on a terminal, final newline included: types are named, strings quoted
// and every byte of them that is not printable ASCII escaped, elements numbered. Replies that are tables or text, such as that of INFO,
// are printed as they are.
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

// FormatRaw prints a reply as redis-cli does when its output is no terminal, final newline included: values alone, one a line.
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
	case BigNumber: // redis-cli knows no such reply and exits
		b.WriteString("(integer) " + r.Text)
	case Double:
		b.WriteString("(double) " + r.Text)
	case Bool:
		b.WriteString(boolText(r))
	case String:
		writeQuoted(b, r.Text)
	case Array, Map, Set, Push:
		writeElems(b, r, prefix)
		return // its last element has ended the line
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
		if multiline(r.Elems[i+1]) { // else its numbers would not stand below each other
			b.WriteString("\n" + inner)
		}
		writeTTY(b, r.Elems[i+1], inner)
	}
}

// multiline reports whether writeTTY needs more than one line for r, as far as redis-cli counts: newlines in text don't.
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

// writeQuoted writes s so that [SplitLine] reads it back, in printable ASCII alone.
func writeQuoted(b *strings.Builder, s string) {
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
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\a':
			b.WriteString(`\a`)
		case c == '\b':
			b.WriteString(`\b`)
		case c < ' ' || c > '~':
			b.WriteString(`\x`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&0xf])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}

func writeRaw(b *strings.Builder, r Reply) {
	switch r.Kind {
	case Nil:
	case Status, String, Verbatim, Double, BigNumber:
		b.WriteString(r.Text)
	case Error:
		b.WriteString(r.Text + "\n") // redis-cli's own: an error is followed by an empty line
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

// printsRaw reports whether redis-cli prints the reply to a command as it is, even on a terminal.
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
