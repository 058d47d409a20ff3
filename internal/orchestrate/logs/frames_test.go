package logs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// oneLog is an engine with one container, whose log is the given bytes.
type oneLog struct {
	tty  bool
	body func() io.Reader
}

func (s oneLog) ContainerLogs(context.Context, string, container.LogsOptions) (io.ReadCloser, error) {
	return io.NopCloser(s.body()), nil
}

func (s oneLog) ContainerList(context.Context, container.ListOptions) ([]container.Summary, error) {
	return []container.Summary{{ID: "0123456789abcdef", Labels: map[string]string{label.Project: "p"}}}, nil
}

func (s oneLog) ContainerInspect(context.Context, string) (container.InspectResponse, error) {
	return container.InspectResponse{Config: &container.Config{Tty: s.tty}}, nil
}

func (s oneLog) Events(context.Context, events.ListOptions) (<-chan events.Message, <-chan error) {
	return nil, nil
}

func readBytes(data []byte, tty bool) (lines []logs.Line, err error) {
	src := oneLog{tty, func() io.Reader { return bytes.NewReader(data) }}
	err = logs.Stream(context.Background(), src, logs.Options{Project: "p", Tail: -1}, func(l logs.Line) error {
		lines = append(lines, l)
		return nil
	})
	return lines, err
}

func TestBrokenFrames(t *testing.T) {
	good := frame(1, "2026-01-02T03:04:05.000000006Z good\n")
	for name, data := range map[string][]byte{
		"header cut":     {1, 0, 0},
		"payload cut":    frame(1, "2026-01-02T03:04:05Z text\n")[:20],
		"unknown stream": frame(7, "x"),
		"no header":      []byte("plain text, no frames"),
	} {
		t.Run(name, func(t *testing.T) {
			lines, err := readBytes(append(bytes.Clone(good), data...), false)
			if err == nil {
				t.Error("Stream succeeded")
			}
			wantTexts(t, lines, "good")
			if lines[0].Container != "0123456789ab" {
				t.Errorf("a container without a name is %q", lines[0].Container)
			}
		})
	}
}

func TestOddFrames(t *testing.T) {
	lines, err := readBytes(bytes.Join([][]byte{
		frame(1, "2026-01-02T03:04:05Z stamped\n"), frame(1, "no stamp\n"), frame(0, "2026-01-02T03:04:06Z \n"), frame(1, ""), frame(1, "\n"),
		frame(2, "2026-01-02T03:04:07Z "+strings.Repeat("x", 300<<10)+"\n"), frame(2, "2026-01-02T03:04:08Z end\n"),
	}, nil), false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, fmt.Sprintf("%d %.8s %d %v", l.Time.Second(), l.Text, len(l.Text), l.Truncated))
	}
	want := "5 stamped 7 false|5 no stamp 8 false|6  0 false|6  0 false|7 xxxxxxxx 262144 true|8 end 3 false"
	if joined := strings.Join(got, "|"); joined != want {
		t.Errorf("got  %s\nwant %s", joined, want)
	}
}

// Whatever an engine sends, reading ends, and no line is made up.
func FuzzRead(f *testing.F) {
	f.Add(frame(1, "2026-01-02T03:04:05Z text\n"), false)
	f.Add(append(frame(1, "2026-01-02T03:04:05Z a"), frame(2, "b\nc")...), false)
	f.Add([]byte("2026-01-02T03:04:05Z text\r\n2026-01-02T03:04:06Z more"), true)
	f.Fuzz(func(t *testing.T, data []byte, tty bool) {
		lines, _ := readBytes(data, tty)
		size := 0
		for _, l := range lines {
			size += len(l.Text)
			if bytes.ContainsRune(l.Text, '\n') {
				t.Errorf("line %q has a newline", l.Text)
			}
		}
		if size > len(data) {
			t.Errorf("%d bytes became %d", len(data), size)
		}
	})
}

func BenchmarkHistory(b *testing.B) {
	const lines, containers = 100_000, 3
	data := bytes.Repeat(frame(1, "2026-01-02T03:04:05.000000006Z "+strings.Repeat("x", 100)+"\n"), lines)
	src := manyLogs{oneLog{body: func() io.Reader { return bytes.NewReader(data) }}, containers}
	b.SetBytes(int64(len(data)) * containers)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		err := logs.Stream(b.Context(), src, logs.Options{Project: "p", Tail: -1}, func(logs.Line) error { n++; return nil })
		if err != nil || n != lines*containers {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(lines*containers*b.N)/b.Elapsed().Seconds(), "lines/s")
}

type manyLogs struct {
	oneLog
	n int
}

func (s manyLogs) ContainerList(context.Context, container.ListOptions) ([]container.Summary, error) {
	var list []container.Summary
	for i := range s.n {
		list = append(list, container.Summary{ID: fmt.Sprintf("%012d", i)})
	}
	return list, nil
}
