package store

import (
	"bufio"
	"bytes"
	"testing"
)

// Whatever a peer sends, reading ends, stays within its bounds, and what was read can be printed.
func FuzzReadReply(f *testing.F) {
	for _, s := range []string{
		"+OK\r\n", "-ERR\r\n", ":1\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*2\r\n:1\r\n_\r\n", "%1\r\n+a\r\n*1\r\n~0\r\n", "=5\r\ntxt:x\r\n", "#t\r\n", ",1.5\r\n",
		"(1\r\n", "|1\r\n+a\r\n+b\r\n>0\r\n", "!3\r\nERR\r\n", "*1000000\r\n", "$60000000\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := replyReader{br: bufio.NewReaderSize(bytes.NewReader(wire), maxLineBytes)}
		reply, err := r.read()
		if err != nil {
			return
		}
		if out := FormatTTY(nil, reply); out[len(out)-1] != '\n' {
			t.Errorf("FormatTTY(%+v) = %q ends without a newline", reply, out)
		}
		_ = FormatRaw(reply)
	})
}
