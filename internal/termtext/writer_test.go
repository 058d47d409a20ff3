package termtext_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"stackctl.dev/stackctl/internal/termtext"
)

// However text is cut into pieces, what comes out is SafeLines of the whole.
func FuzzWriter(f *testing.F) {
	f.Add("Grüße 世界\x1b[2J\n\u202e\xff", 1)
	f.Fuzz(func(t *testing.T, s string, size int) {
		var out, whole bytes.Buffer
		size = max(1, size%7)
		w := termtext.NewWriter(&out)
		for rest := []byte(s); len(rest) > 0; rest = rest[min(size, len(rest)):] {
			if _, err := w.Write(rest[:min(size, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Flush()
		once := termtext.NewWriter(&whole)
		_, _ = once.Write([]byte(s))
		_ = once.Flush()
		if out.String() != whole.String() {
			t.Errorf("%q in pieces of %d: %q, at once %q", s, size, out.String(), whole.String())
		}
		if got := termtext.SafeLines(out.String()); got != out.String() {
			t.Errorf("%q became %q", s, out.String())
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add("\u009b\u202e\x7f\U000e0041👩\u200d🚀")
	f.Fuzz(func(t *testing.T, s string) {
		data, err := json.Marshal(s)
		if err != nil {
			t.Skip()
		}
		var plain, got string
		_ = json.Unmarshal(data, &plain)
		var out bytes.Buffer
		_ = json.NewEncoder(termtext.JSON(&out)).Encode(s)
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got != plain {
			t.Errorf("%q: %q %v", plain, got, err)
		}
		if safe := termtext.SafeLines(out.String()); safe != out.String() {
			t.Errorf("%q became %q", s, out.String())
		}
	})
}
