package logprint

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

func TestLines(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	lines := []logs.Line{
		{Container: "p-web-1", Service: "web", Replica: 1, Time: at, Text: []byte("one\x1b[2J")},
		{Container: "p-web-2", Service: "web", Replica: 2, Time: at, Stderr: true, Truncated: true, Text: []byte("two")},
	}
	every := regexp.MustCompile("")
	for want, o := range map[string]Options{
		"web-1  | one\\x1b[2J\nweb-2  ! two [cut]\n":       {Pattern: every, Width: 6},
		"one\\x1b[2J\ntwo [cut]\n":                         {Pattern: every, NoPrefix: true},
		"web-2 ! two [cut]\n":                              {Pattern: regexp.MustCompile("t")},
		"web-2 ! 2026-01-31T12:00:00.000000Z two [cut]\n":  {Pattern: every, Index: 2, Timestamps: true},
		"\x1b[" + "COLOURm" + "web-2 ! \x1b[0mtwo [cut]\n": {Pattern: every, Index: 2, Colour: true},
		`{"time":"2026-01-31T12:00:00Z","container":"p-web-2","service":"web","replica":2,"stream":"stderr","text":"two","truncated":true}` + "\n": {Pattern: every, Index: 2, JSON: true},
	} {
		var out bytes.Buffer
		p := NewLines(&out, false, o)
		for _, l := range lines {
			if err := p.Print(l); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		got := regexp.MustCompile("\x1b\\[[1-9]\\d*m").ReplaceAllString(out.String(), "\x1b[COLOURm")
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// TestLiveLinesShow holds that a single line that is followed is not held back until a buffer is full.
func TestLiveLinesShow(t *testing.T) {
	written := make(chan string, 1)
	p := NewLines(writer(func(b []byte) { written <- string(b) }), true, Options{Pattern: regexp.MustCompile(""), NoPrefix: true})
	if err := p.Print(logs.Line{Text: []byte("one")}); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-written:
		if got != "one\n" {
			t.Errorf("got %q", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("the line is held back")
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}
