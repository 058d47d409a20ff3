package images

import (
	"encoding/json"
	"slices"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate/report"
)

// What Docker Engine 28.5.2 sends while it builds: a step, its end, a line that it prints.
const (
	stepBegins  = `"CpABCkdzaGEyNTY6Yzk0YjYwZWMyMGU0ZDI0MzUxMTgwMmRiOTRkMDM3Y2JkMGJiNmU3NTFkNGE2ZGRhOGQwMWJhYmEzMzcwNGQzZBo3W3N0YWdlLTAgMS8yXSBGUk9NIGRvY2tlci5pby9zdGFja2N0bC1ob3N0L3JlZGlzOjcuMC4xNSoMCKSGotgGEJy5ytED"`
	stepEnds    = `"Cp4BCkdzaGEyNTY6Yzk0YjYwZWMyMGU0ZDI0MzUxMTgwMmRiOTRkMDM3Y2JkMGJiNmU3NTFkNGE2ZGRhOGQwMWJhYmEzMzcwNGQzZBo3W3N0YWdlLTAgMS8yXSBGUk9NIGRvY2tlci5pby9zdGFja2N0bC1ob3N0L3JlZGlzOjcuMC4xNSoMCKSGotgGEJy5ytEDMgwIpIai2AYQj/2R0gM="`
	stepPrints  = `"GrMBCkdzaGEyNTY6YWRiNGVhMzM4Mzc0MTY1ZGRiZjYyYTk0NjljYjEzYTgwN2JmYjRkM2YzNDdiNmY5NzU4YmJiNDQyYjQ1MmE5NBILCKWGotgGEIPsoSoYASJZUmVkaXMgc2VydmVyIHY9Ny4wLjE1IHNoYT0wMDAwMDAwMDowIG1hbGxvYz1qZW1hbGxvYy01LjMuMCBiaXRzPTY0IGJ1aWxkPWFlNGQ3Yzk3MWE5NDhmMAo="`
	internalOne = `"CosBCkdzaGEyNTY6YWIxYTIwN2E3ODMxZGE1NzljMTBmZjdiMGYxYjgzZWE2M2I3ZmUyMjY5OTJlNDljOTk2MmQzNzEwNmEyYzFjYxokW2ludGVybmFsXSBsb2FkIHJlbW90ZSBidWlsZCBjb250ZXh0KgwIpIai2AYQ05ruzQMyDAikhqLYBhDczfDNAw=="`
)

func TestBuildKitTrace(t *testing.T) {
	var steps []string
	w := &work{sink: func(e report.Event) { steps = append(steps, e.Detail) }}
	for _, message := range []string{internalOne, stepBegins, stepEnds, stepPrints} {
		aux := json.RawMessage(message)
		if err := w.trace(&aux); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"[stage-0 1/2] FROM docker.io/stackctl-host/redis:7.0.15"}; !slices.Equal(steps, want) {
		t.Errorf("steps %q", steps)
	}
	if want := []string{"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0"}; !slices.Equal(w.lastLines, want) {
		t.Errorf("lines %q", w.lastLines)
	}
}

// Whatever comes is read or refused.
func FuzzBuildKitTrace(f *testing.F) {
	for _, message := range []string{stepBegins, stepPrints, `""`, `"CgAK"`, `1`} {
		f.Add([]byte(message))
	}
	f.Fuzz(func(_ *testing.T, message []byte) {
		aux := json.RawMessage(message)
		_ = (&work{}).trace(&aux)
	})
}
