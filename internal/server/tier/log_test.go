package tier

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestLogBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out writes
		b := NewLogBuffer(&out)
		say := func(line string) {
			t.Helper()
			if n, err := b.Write([]byte(line)); n != len(line) || err != nil {
				t.Errorf("%d %v", n, err)
			}
		}
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			if !slices.Equal(out, want) {
				t.Errorf("got %.30q, want %.30q", out, want)
			}
			out = nil
		}
		say("one\n")
		say("two\n")
		expect()
		time.Sleep(bufferDelay)
		expect("one\ntwo\n")

		half := strings.Repeat("x", bufferBytes/2) + "\n" // two of them are too many
		say(half)
		say(half)
		expect(half)
		b.Flush()
		expect(half)

		huge := strings.Repeat("y", bufferBytes) + "\n"
		say("three\n")
		say(huge)
		expect("three\n", huge)

		b.Flush()
		time.Sleep(time.Hour)
		expect()
	})
}
