package field

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/tui/draw"
)

func press(f *Field, presses ...tea.KeyPressMsg) {
	for _, p := range presses {
		f.Type(p)
	}
}

var (
	left    = tea.KeyPressMsg{Code: tea.KeyLeft}
	home    = tea.KeyPressMsg{Code: tea.KeyHome}
	altD    = tea.KeyPressMsg{Code: 'd', Mod: tea.ModAlt}
	editing = []tea.KeyPressMsg{
		left, home, altD, {Code: tea.KeyRight}, {Code: tea.KeyEnd}, {Code: tea.KeyBackspace}, {Code: tea.KeyDelete}, {Code: tea.KeySpace, Text: " "},
		{Code: 'w', Mod: tea.ModCtrl}, {Code: 'u', Mod: tea.ModCtrl}, {Code: 'k', Mod: tea.ModCtrl}, {Code: 'v', Mod: tea.ModCtrl},
		{Code: 'f', Mod: tea.ModAlt}, {Code: 'b', Mod: tea.ModAlt}, {Code: tea.KeyUp}, {Code: tea.KeyDown}, {Code: tea.KeyTab}, {Code: '世', Text: "世"}, {Code: 'x', Text: "x\x1b\u202e"},
	}
)

// TestAWordIsRemovedForward is what textinput itself does not do on a word's last character.
func TestAWordIsRemovedForward(t *testing.T) {
	for _, c := range []struct {
		text string
		back int
		want string
	}{{"ab", 1, "a"}, {"ab c", 3, "a c"}, {"abc d", 4, "a d"}, {"ab c", 2, "ab"}, {"ab", 0, "ab"}, {"", 0, ""}} {
		f := New(c.text, 100)
		for range c.back {
			press(&f, left)
		}
		if press(&f, altD); f.Value() != c.want {
			t.Errorf("%q, %d before its end: %q, want %q", c.text, c.back, f.Value(), c.want)
		}
	}
}

func TestMarked(t *testing.T) {
	f := New("ab", 100)
	if press(&f, left); f.Marked() != "a▏b" {
		t.Errorf("marked %q", f.Marked())
	}
}

// TestAnyKeysGiveSafeBoundedTextInItsWindow types anything.
func TestAnyKeysGiveSafeBoundedTextInItsWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := New("", 20)
		for range rapid.IntRange(0, 40).Draw(t, "keys") {
			if rapid.IntRange(0, 9).Draw(t, "paste") == 0 {
				f.Type(tea.PasteMsg{Content: rapid.String().Draw(t, "text")})
				continue
			}
			before := f.Value()
			if changed := f.Type(rapid.SampledFrom(editing).Draw(t, "key")); changed != (f.Value() != before) {
				t.Fatalf("%q became %q: changed %v", before, f.Value(), changed)
			}
		}
		if n := len([]rune(f.Value())); n > 20 || strings.ContainsAny(f.Value(), "\x1b\u202e\n\t") {
			t.Fatalf("typed %q", f.Value())
		}
		width := rapid.IntRange(-1, 30).Draw(t, "width")
		if text, cursor := f.Window(width); draw.Width(text) > max(width, 1) || cursor < 0 || cursor >= max(width, 1) {
			t.Fatalf("the window of %q at %d is %q, with the cursor at %d", f.Value(), width, text, cursor)
		}
	})
}
