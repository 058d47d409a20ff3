// Package tuitest is what the tests of the dashboard's rooms share: key presses, the built-in colours, and golden views.
package tuitest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/tui/theme"
)

var named = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift},
	"backspace": {Code: tea.KeyBackspace}, "space": {Code: tea.KeySpace, Text: " "}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
	"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
	"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+r": {Code: 'r', Mod: tea.ModCtrl}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
}

// Press is a key press by the name that bubbletea gives it, or by its character.
func Press(name string) tea.KeyPressMsg {
	if msg, ok := named[name]; ok {
		return msg
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

// Themes are the built-in colours; a test of package theme loads them too.
func Themes() theme.Set {
	themes, err := theme.Load("")
	if err != nil {
		panic(err)
	}
	return themes
}

var update = flag.Bool("update", false, "write the golden views again")

// Golden compares a view with testdata/golden/NAME.txt below the package under test.
func Golden(t *testing.T, name, view string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(view+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; `go test -run Golden -update` in this package writes it", err)
	}
	if view+"\n" != string(want) {
		t.Errorf("the view is not that of %s; if it should be this:\n%s\nrun `go test -run Golden -update` in this package and read the diff", path, ansi.Strip(view))
	}
}
