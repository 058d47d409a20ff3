package logs

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

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
