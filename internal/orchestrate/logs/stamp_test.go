package logs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// The quick way to read stamps reads what the plain one does, whatever came before.
func TestStampsAreReadAlike(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var quick stampReader
		for range rapid.IntRange(1, 5).Draw(rt, "stamps") {
			at := time.Unix(rapid.Int64Range(0, 3).Draw(rt, "s"), rapid.Int64Range(0, 999_999_999).Draw(rt, "ns")).UTC()
			layout := rapid.SampledFrom([]string{
				"2006-01-02T15:04:05.000000000Z", "2006-01-02T15:04:05.000000000Z", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.000000000+01:00", "2006-13-02T15:04:05.000000000Z", "2006-01-02 15:04:05.000000000Z",
			}).Draw(rt, "layout")
			piece := []byte(at.Format(layout) + rapid.SampledFrom([]string{" text", " ", "", " a b", "x y"}).Draw(rt, "text"))
			if rapid.IntRange(0, 9).Draw(rt, "broken") == 0 {
				piece[rapid.IntRange(0, len(piece)-1).Draw(rt, "where")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
			}
			wantAt, wantText := splitStamp(piece)
			gotAt, gotText := quick.split(piece)
			if !gotAt.Equal(wantAt) || !bytes.Equal(gotText, wantText) {
				rt.Fatalf("%q: %v and %q, want %v and %q", piece, gotAt, gotText, wantAt, wantText)
			}
		}
	})
}

func TestSlabKeepsTextsApart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s slab
		var kept, want [][]byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 6000), 1, 50).Draw(rt, "sizes") {
			text := bytes.Repeat([]byte{byte(n)}, n)
			want = append(want, text)
			kept = append(kept, s.keep(text))
		}
		for i := range kept {
			_ = append(kept[i], 'x') // a receiver that appends must not reach its neighbour
		}
		for i := range kept {
			if !bytes.Equal(kept[i], want[i]) {
				rt.Fatalf("text %d has changed", i)
			}
		}
	})
}

// drip gives one line a read, so many a second.
type drip struct{ every time.Duration }

func (d drip) Read(into []byte) (int, error) {
	<-time.After(d.every)
	return copy(into, make([]byte, 120)), nil
}

func TestPacerWaitsOnlyInFloods(t *testing.T) {
	for name, tt := range map[string]struct {
		every time.Duration
		waits bool
	}{"quiet": {time.Second, false}, "busy": {time.Millisecond, false}, "flood": {20 * time.Microsecond, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pacer{ctx: t.Context(), from: drip{tt.every}}
				began := time.Now()
				const reads = 5000
				for range reads {
					if _, err := p.Read(make([]byte, bodySize)); err != nil {
						t.Fatal(err)
					}
				}
				if waited := time.Since(began) > reads*tt.every+10*pace; waited != tt.waits {
					t.Errorf("%d reads took %v", reads, time.Since(began))
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &pacer{ctx: ctx, from: io.LimitReader(nil, 0), flood: true}
	if _, err := p.Read(nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a pause in an ended context: %v", err)
	}
}

// A whole file that comes again is dropped to its last line; what comes after it, and what a clock that was set back stamps, is not.
func TestRewind(t *testing.T) {
	const lines = 150_000
	stamp := func(i int) int64 { return int64(i) * 20_000 } // 50,000 a second
	var m memory
	accept := m.resume()
	for i := range lines {
		if !accept(time.Unix(0, stamp(i))) {
			t.Fatalf("line %d was dropped", i)
		}
	}
	for i := 30_000; i < lines; i++ {
		if accept(time.Unix(0, stamp(i))) {
			t.Fatalf("line %d came twice", i)
		}
	}
	for i := lines; i < lines+1000; i++ {
		if !accept(time.Unix(0, stamp(i))) {
			t.Fatalf("line %d was dropped", i)
		}
	}
	lost := 0
	for i := range 10_000 { // two seconds back, between the stamps of then
		if !accept(time.Unix(0, stamp(lines-100_000+i)+7_919)) {
			lost++
		}
	}
	if lost > 150 {
		t.Errorf("%d of 10,000 lines were lost after the clock was set back", lost)
	}
}
