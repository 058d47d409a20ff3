package tui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

var goldenSizes = []struct{ width, height int }{{200, 60}, {120, 40}, {80, 24}, {60, 15}, {20, 5}, {1, 1}}

// profile writes a frame as a terminal of that kind gets it.
func profile(t *testing.T, frame string, p colorprofile.Profile) string {
	t.Helper()
	var out bytes.Buffer
	w := colorprofile.Writer{Forward: &out, Profile: p}
	if _, err := w.WriteString(frame); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestGoldenFrames(t *testing.T) {
	for _, size := range goldenSizes {
		for _, look := range []struct {
			name    string
			light   bool
			profile colorprofile.Profile
		}{{"dark", false, colorprofile.TrueColor}, {"light", true, colorprofile.TrueColor}, {"nocolour", false, colorprofile.NoTTY}, {"16", false, colorprofile.ANSI}} {
			if look.name == "16" && size.width != 80 {
				continue
			}
			name := fmt.Sprintf("%dx%d-%s", size.width, size.height, look.name)
			t.Run(name, func(t *testing.T) {
				m := sampleModel(t, Options{Focus: "logs", Light: &look.light})
				m.send(tea.WindowSizeMsg{Width: size.width, Height: size.height})
				frame := m.View().Content
				checkFrame(t, frame, size.width, size.height)
				tuitest.Golden(t, name, profile(t, frame, look.profile))
			})
		}
	}
}

// checkFrame checks what every frame must be: rows of the right number and width, without a control sequence but colours.
func checkFrame(t interface {
	Helper()
	Fatalf(string, ...any)
}, frame string, width, height int) {
	t.Helper()
	rows := strings.Split(frame, "\n")
	if len(rows) != height {
		t.Fatalf("%d rows, want %d", len(rows), height)
	}
	for i, row := range rows {
		if w := draw.Width(row); w != width {
			t.Fatalf("row %d is %d wide, want %d: %q", i, w, width, ansi.Strip(row))
		}
		for _, r := range ansi.Strip(row) {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
				t.Fatalf("row %d holds control %U: %q", i, r, row)
			}
		}
	}
}

func TestEverySizeAndStateGivesAWholeFrame(t *testing.T) {
	m := sampleModel(t, Options{})
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 240).Draw(t, "width"), rapid.IntRange(1, 80).Draw(t, "height")
		m.focus = layout.Pane(rapid.IntRange(0, len(m.panes)-1).Draw(t, "focus"))
		m.zoom = rapid.Bool().Draw(t, "zoom")
		m.modal = nil
		for range rapid.IntRange(0, 2).Draw(t, "keys") {
			m.send(tuitest.Press(rapid.SampledFrom([]string{"?", ":", "enter", "esc", "j", "G", "/", "D", "R", "s"}).Draw(t, "key")))
		}
		m.send(tea.WindowSizeMsg{Width: width, Height: height})
		checkFrame(t, m.View().Content, width, height)
	})
}
