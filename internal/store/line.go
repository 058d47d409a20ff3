package store

import (
	"errors"
	"strings"
)

// ErrUnbalanced says that a quote is not closed, or that a closing quote is not followed by a space.
var ErrUnbalanced = errors.New("unbalanced quotes: close each quote and put a space after it")

// SplitLine splits a console line into a command and its arguments as redis-cli does:
//
//   - blanks separate arguments;
//   - "…" may contain \n \r \t \b \a \" \\ and \xHH (one byte); a backslash before any other character is dropped;
//   - '…' may contain only \';
//   - a closing quote must be followed by a blank or the end of the line, but an opening one may be inside a word: a"b c" is ab c.
//
// An empty line has no arguments and is not an error. Unlike in redis-cli, a NUL byte does not end the line.
// The grammar is that of sdssplitargs in Redis's sds.c.
func SplitLine(line string) ([]string, error) {
	var args []string
	for {
		line = strings.TrimLeft(line, " \n\r\t\v\f")
		if line == "" {
			return args, nil
		}
		arg, rest, err := splitArg(line)
		if err != nil {
			return nil, err
		}
		args, line = append(args, arg), rest
	}
}

// splitArg reads the argument at the beginning of s.
func splitArg(s string) (arg, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\n', '\r', '\t':
			return b.String(), s[i:], nil
		case '"', '\'':
			rest, ok := quoted(&b, s[i+1:], c)
			if !ok || (rest != "" && !strings.ContainsRune(" \n\r\t\v\f", rune(rest[0]))) {
				return "", "", ErrUnbalanced
			}
			return b.String(), rest, nil
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", nil
}

// quoted writes the text up to the closing quote to b, and returns the text after the quote.
func quoted(b *strings.Builder, s string, quote byte) (rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return s[i+1:], true
		case s[i] != '\\' || i+1 == len(s):
			b.WriteByte(s[i])
		case quote == '\'':
			if s[i+1] == '\'' {
				i++
			}
			b.WriteByte(s[i])
		default:
			c, n := unescape(s[i+1:])
			b.WriteByte(c)
			i += n
		}
	}
	return "", false
}

// unescape decodes an escape in double quotes: s begins after the backslash, and n is how many characters the escape takes.
func unescape(s string) (c byte, n int) {
	switch s[0] {
	case 'x':
		if len(s) >= 3 && isHex(s[1]) && isHex(s[2]) {
			return hexValue(s[1])<<4 | hexValue(s[2]), 3
		}
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'b':
		return '\b', 1
	case 'a':
		return '\a', 1
	}
	return s[0], 1
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
