package draw

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/tui/tuitest"
)

func TestBoxHasExactlyItsSize(t *testing.T) {
	themes := tuitest.Themes()
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aé…世界👍👩‍👩‍👧‍👦 ▏")), 0, 40, -1)
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(0, 90).Draw(t, "width"), rapid.IntRange(0, 30).Draw(t, "height")
		frame := Frame{Title: text.Draw(t, "title"), Status: text.Draw(t, "status"), Footer: text.Draw(t, "footer"), Focused: rapid.Bool().Draw(t, "focused")}
		box := Box(themes.Dark, frame, rapid.SliceOfN(text, 0, 20).Draw(t, "lines"), width, height)
		rows := strings.Split(box, "\n")
		if len(rows) != max(height, 1) {
			t.Fatalf("%d rows, want %d", len(rows), height)
		}
		for _, row := range rows {
			if height > 0 && Width(row) != width {
				t.Fatalf("row %q is %d wide, want %d", ansi.Strip(row), Width(row), width)
			}
		}
	})
}

func TestSpliceKeepsTheWidth(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aé世👍 ")), 0, 60, -1)
	rapid.Check(t, func(t *rapid.T) {
		line := Left(text.Draw(t, "line"), 50)
		x := rapid.IntRange(0, 40).Draw(t, "x")
		if got := Splice(line, "0123456789", x, 10); Width(got) != 50 || !strings.Contains(got, "0123456789") {
			t.Fatalf("%q is %d wide", got, Width(got))
		}
	})
}

func TestWrapKeepsEverythingAndIsQuick(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aé世👍 👩‍👩‍👧")), 0, 200, -1)
	rapid.Check(t, func(t *rapid.T) {
		s, width := text.Draw(t, "text"), rapid.IntRange(1, 50).Draw(t, "width")
		rows := Wrap(s, width)
		if strings.Join(rows, "") != s {
			t.Fatalf("%q became %q", s, rows)
		}
		for _, row := range rows {
			if Width(row) > max(width, 2) {
				t.Fatalf("row %q is %d wide, want %d", row, Width(row), width)
			}
		}
	})
	if rows := Wrap(strings.Repeat("x", 1<<20), 100); len(rows) != 1<<20/100+1 { // quadratic, it would take minutes
		t.Errorf("a megabyte has %d rows", len(rows))
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(-1234567): "-1,234,567",
		Rate(0): "0", Rate(0.01): "<0.1", Rate(12.34): "12.3", Rate(1234.5): "1,235", Rate(99.96): "100",
		Bytes(0): "0B", Bytes(1023): "1023B", Bytes(1024): "1.0K", Bytes(1 << 20): "1.0M", Bytes(1023 << 10): "1.0M", Bytes(128 << 20): "128M", Bytes(3 << 40): "3.0T",
		Age(-time.Second): "0s", Age(59 * time.Second): "59s", Age(61 * time.Minute): "1h1m", Age(50 * time.Hour): "2d2h",
		Latency(0): "<1ms", Latency(1500 * time.Microsecond): "1ms", Latency(12 * time.Second): "12s",
		Gauge(0, 4): "····", Gauge(1, 4): "████", Gauge(0.5, 4): "██··", Gauge(2, 2): "██", Gauge(math.NaN(), 2): "··",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestBars(t *testing.T) {
	got := strings.Join(Bars([]float64{0, 1, 8, 16, math.NaN()}, 2), "\n")
	if want := "   █ \n ▁██ "; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	for _, row := range Bars([]float64{0, 0}, 3) {
		if row != "  " {
			t.Errorf("a quiet chart shows %q", row)
		}
	}
}

func TestSafe(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                            "plain",
		"a\tb":                             "a    b",
		"\x1b[2Jx":                         `\x1b[2Jx`,
		"👩‍👩‍👧‍👦 é":                        "👩‍👩‍👧‍👦 é",
		"a" + strings.Repeat("\u0301", 50): "a[+50 marks]",
	} {
		if got := Safe(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestWindowShowsItsCells: no more than it has room for, from the cell asked for.
func TestWindowShowsItsCells(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aé世👍 ")), 0, 60, -1)
	rapid.Check(t, func(t *rapid.T) {
		s, x, width := text.Draw(t, "text"), rapid.IntRange(0, 70).Draw(t, "x"), rapid.IntRange(2, 30).Draw(t, "width")
		start, end, lead := Window(s, x, width)
		if seen := lead + Width(s[start:end]); seen > width || Width(s[:start]) != min(x+lead, Width(s)) {
			t.Fatalf("cells %d to %d of %q are %q after %d blanks", x, x+width, s, s[start:end], lead)
		}
	})
}
