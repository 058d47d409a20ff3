package logs

import (
	"bytes"
	"time"
)

const (
	maxLine     = 256 << 10 // of a line's text; the rest is dropped, and the line marked
	stdout      = 1
	stderr      = 2
	streamCount = 3
)

// joiner puts the pieces of lines together. The engine splits a line after every 16 KiB; a piece without a newline goes on with the next
// piece of the same stream, while those of the other stream come between.
type joiner struct {
	emit func(Line) error
	idle func() error // the next read may wait: what was emitted must not
	open [streamCount]partial
	last time.Time // for pieces without a stamp
}

type partial struct {
	used      bool
	at        time.Time
	text      []byte
	truncated bool
}

// add takes a piece as the engine sends it: time stamp, space, text. cut means that the piece's end is missing because it is too long.
func (j *joiner) add(stream byte, piece []byte, cut bool) error {
	at, text := splitStamp(piece)
	if at.IsZero() {
		at = j.last
	}
	j.last = at
	if n := len(text); n > 0 && n <= maxLine && !cut && !j.open[stream].used && bytes.IndexByte(text, '\n') == n-1 {
		// As most are: one whole line.
		return j.emit(Line{Time: at, Stderr: stream == stderr, Text: bytes.Clone(bytes.TrimSuffix(text[:n-1], []byte{'\r'}))})
	}
	for {
		line, rest, ended := bytes.Cut(text, []byte{'\n'})
		p := &j.open[stream]
		p.add(at, line)
		if !ended && !cut {
			return nil
		}
		p.truncated = p.truncated || cut && rest == nil
		if err := j.end(stream); err != nil {
			return err
		}
		if len(rest) == 0 {
			return nil
		}
		text = rest
	}
}

func (p *partial) add(at time.Time, text []byte) {
	if !p.used {
		p.used, p.at = true, at
	}
	if room := maxLine - len(p.text); len(text) > room {
		text, p.truncated = text[:room], true
	}
	p.text = append(p.text, text...)
}

// end emits the line that is open on a stream.
func (j *joiner) end(stream byte) error {
	p := &j.open[stream]
	text := bytes.Clone(bytes.TrimSuffix(p.text, []byte{'\r'}))
	line := Line{Time: p.at, Stderr: stream == stderr, Text: text, Truncated: p.truncated}
	if cap(p.text) > bodySize {
		p.text = nil
	}
	*p = partial{text: p.text[:0]}
	return j.emit(line)
}

// flush emits what has no newline when the log ends, older lines first.
func (j *joiner) flush() error {
	first, second := byte(stdout), byte(stderr)
	if j.open[stderr].used && j.open[stderr].at.Before(j.open[stdout].at) {
		first, second = second, first
	}
	for _, stream := range []byte{first, second} {
		if j.open[stream].used {
			if err := j.end(stream); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxStamp is longer than any RFC 3339 time with nanoseconds and zone.
const maxStamp = 40

// splitStamp separates the stamp that Timestamps puts before a piece; without one the time is zero.
func splitStamp(piece []byte) (time.Time, []byte) {
	n := bytes.IndexByte(piece[:min(len(piece), maxStamp)], ' ')
	if n < 0 {
		return time.Time{}, piece
	}
	at, err := time.Parse(time.RFC3339Nano, string(piece[:n]))
	if err != nil {
		return time.Time{}, piece
	}
	return at, piece[n+1:]
}
