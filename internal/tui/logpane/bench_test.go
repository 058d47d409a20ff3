//go:build !windows

package logpane

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/tui/feed"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

// flood is an engine with three containers, of which one writes so many lines a second, and flushes every line as a real engine does.
type flood struct {
	perSecond int
	written   atomic.Int64
}

func (f *flood) ContainerList(context.Context, container.ListOptions) ([]container.Summary, error) {
	var list []container.Summary
	for i, service := range []string{"web", "nginx", "redis"} {
		list = append(list, container.Summary{ID: strconv.Itoa(i), Names: []string{"/p-" + service + "-1"}, Labels: map[string]string{
			"com.docker.compose.service": service, "com.docker.compose.container-number": "1",
		}, State: container.StateRunning})
	}
	return list, nil
}

func (f *flood) ContainerInspect(context.Context, string) (container.InspectResponse, error) {
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{State: &container.State{Running: true}}, Config: &container.Config{},
	}, nil
}

func (f *flood) Events(context.Context, events.ListOptions) (<-chan events.Message, <-chan error) {
	return nil, nil
}

func (f *flood) ContainerLogs(ctx context.Context, id string, o container.LogsOptions) (io.ReadCloser, error) {
	if !o.Follow {
		return io.NopCloser(eof{}), nil
	}
	return &floodBody{f: f, ctx: ctx, began: time.Now(), quiet: id != "0"}, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

type floodBody struct {
	f     *flood
	ctx   context.Context
	began time.Time
	sent  int
	quiet bool
	rest  []byte
}

// Read gives the lines that are due, some hundred at most.
func (b *floodBody) Read(into []byte) (int, error) {
	for len(b.rest) == 0 {
		due := int(time.Since(b.began).Seconds() * float64(b.f.perSecond))
		if b.quiet || due <= b.sent {
			wait := time.NewTimer(time.Millisecond)
			if b.quiet {
				wait.Reset(time.Hour)
			}
			select {
			case <-b.ctx.Done():
				wait.Stop()
				return 0, b.ctx.Err()
			case <-wait.C:
			}
			continue
		}
		b.rest = b.rest[:0]
		now := time.Now().UTC()
		for n := 0; b.sent < due && n < 200; n++ {
			b.rest = b.frame(b.rest, now.Add(time.Duration(n)))
			b.sent++
		}
		b.f.written.Store(int64(b.sent))
	}
	n := copy(into, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *floodBody) frame(to []byte, at time.Time) []byte {
	payload := at.AppendFormat(make([]byte, 0, 200), "2006-01-02T15:04:05.000000000Z")
	payload = append(payload, ` seq=`...)
	payload = strconv.AppendInt(payload, int64(b.sent), 10)
	payload = append(payload, " \"GET /count HTTP/1.1\" 200 38 \"-\" \"flood/1.0\" rt=0.001 id=0123456789abcdef\n"...)
	to = append(to, 1, 0, 0, 0)
	to = binary.BigEndian.AppendUint32(to, uint32(len(payload)))
	return append(to, payload...)
}

func (b *floodBody) Close() error { return nil }

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFeed is the whole way of a line at 50,000 a second: frames, merger, feed, Update and View. cpu-ns/line includes making the frames,
// which is what "none" measures.
func BenchmarkFeed(b *testing.B) {
	for _, rate := range []int{1000, 20_000, 50_000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			for b.Loop() {
				f := &flood{perSecond: rate}
				pane := New("3 logs", keys.Default(), time.Now)
				dark := tuitest.Themes().Dark
				ctx, cancel := context.WithTimeout(b.Context(), 3*time.Second)
				var lag time.Duration
				var shown, skipped int
				before := cpu()
				feed.Run(ctx, func(ctx context.Context, emit func(logs.Line) error) error {
					return logs.Stream(ctx, f, logs.Options{Project: "p", Follow: true, Tail: 100}, emit)
				}, nil, func(m tea.Msg) {
					if batch, ok := m.(feed.Batch); ok {
						shown, skipped = shown+len(batch.Lines), skipped+batch.Skipped
						lag = max(lag, time.Since(batch.Lines[len(batch.Lines)-1].Time))
					}
					pane.Update(m)
					_ = pane.View(dark, 160, 40, true)
				})
				cancel()
				b.ReportMetric(float64(cpu()-before)/float64(f.written.Load()), "cpu-ns/line")
				b.ReportMetric(float64(lag.Milliseconds()), "lag-ms")
				b.ReportMetric(float64(skipped)/float64(max(shown+skipped, 1))*100, "%skipped")
			}
		})
	}
	b.Run("none", func(b *testing.B) {
		for b.Loop() {
			ctx, cancel := context.WithTimeout(b.Context(), 2*time.Second)
			body := &floodBody{f: &flood{perSecond: 50_000}, ctx: ctx, began: time.Now()}
			before := cpu()
			for buf := make([]byte, 32<<10); ctx.Err() == nil; {
				_, _ = body.Read(buf)
			}
			cancel()
			b.ReportMetric(float64(cpu()-before)/float64(body.sent), "cpu-ns/line")
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	for name, input := range map[string]string{"all": "", "filtered": "sv", "only": "/count.*error<enter>&"} {
		b.Run(name, func(b *testing.B) {
			pane := New("3 logs", keys.Default(), time.Now)
			ls := numbered(4000)
			for i := range ls {
				ls[i].Text = []byte(string(ls[i].Text) + ` "GET /count HTTP/1.1" 200 38 "-" "flood/1.0" rt=0.001 id=0123456789abcdef0123456789abcdef`)
			}
			pane.Update(feed.Batch{Lines: ls})
			d := dash{t: b, pane: pane, theme: tuitest.Themes().Dark, w: 160, h: 40}
			d.press(input)
			b.ReportAllocs()
			for b.Loop() {
				pane.Update(feed.Batch{Lines: ls})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4000, "ns/line")
		})
	}
}

// BenchmarkFilter is what changing the filter costs with a full memory.
func BenchmarkFilter(b *testing.B) {
	for _, search := range []string{"", "error", "COUNT", "count.*5\\d\\d", "[a-f]{3}[0-9]"} {
		b.Run("search "+search, func(b *testing.B) {
			pane := New("3 logs", keys.Default(), time.Now)
			for range 5 {
				ls := numbered(4000)
				for i := range ls {
					ls[i].Text = []byte(string(ls[i].Text) + ` "GET /count HTTP/1.1" 200 38 "-" "flood/1.0" rt=0.001 id=0123456789abcdef0123456789abcdef`)
				}
				pane.Update(feed.Batch{Lines: ls})
			}
			if search == "" {
				pane.filter.least = warning
			} else {
				pane.filter.search, _ = compile(search)
				pane.filter.only = true
			}
			for b.Loop() {
				if search == "" {
					for seq := pane.ring.oldest; seq < pane.ring.next; seq++ {
						pane.ring.at(seq).level = notLooked
					}
				}
				pane.refilter()
			}
		})
	}
}

func BenchmarkView(b *testing.B) {
	for name, input := range map[string]string{"plain": "", "wrapped": "w", "search": "/count<enter>", "compact": "J"} {
		b.Run(name, func(b *testing.B) {
			d := &dash{t: b, pane: New("3 logs", keys.Default(), time.Now), theme: tuitest.Themes().Dark, w: 160, h: 40}
			for range 10 {
				d.lines(story()...)
			}
			d.press(input)
			b.ReportAllocs()
			for b.Loop() {
				d.view()
			}
		})
	}
}
