package termtext

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Writer writes text to another writer, escaped as in Safe, but with its newlines.
type Writer struct {
	w    io.Writer
	mu   sync.Mutex
	part []byte // an incomplete rune at the end of the last Write
}

// NewWriter returns a writer that writes safe text to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write escapes p and writes it.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := p
	if len(w.part) > 0 {
		text, w.part = slices.Concat(w.part, p), nil
	}
	if cut := incomplete(text); cut < len(text) {
		w.part = bytes.Clone(text[cut:])
		text = text[:cut]
	}
	return len(p), w.pass(text)
}

// Flush writes an incomplete rune that was held back.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.part
	w.part = nil
	return w.pass(text)
}

func (w *Writer) pass(text []byte) error {
	safe := make([]byte, 0, len(text)+16)
	for line := range bytes.Lines(text) {
		line, ends := bytes.CutSuffix(line, []byte("\n"))
		safe = AppendSafe(safe, line)
		if ends {
			safe = append(safe, '\n')
		}
	}
	if len(safe) == 0 {
		return nil
	}
	_, err := w.w.Write(safe)
	return err
}

// incomplete returns the index of an incomplete rune at the end of text, or len(text).
func incomplete(text []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if at := len(text) - back; utf8.RuneStart(text[at]) {
			if utf8.FullRune(text[at:]) {
				break
			}
			return at
		}
	}
	return len(text)
}

// JSON returns a writer for JSON, or YAML with double-quoted strings, that writes what Safe would escape as an escape of that language,
// so that readers get the same strings. Each Write must end at the end of a rune.
func JSON(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+16)
	for rest := p; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r >= ' ' && firstUnsafe(rest[:size]) == size:
			out = append(out, rest[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = appendUnit(appendUnit(out, high), low)
		default:
			out = appendUnit(out, r)
		}
		rest = rest[size:]
	}
	_, err := j.w.Write(out)
	return len(p), err
}

func appendUnit(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
}
