// Package theme gives the dashboard its colours: all of them come from one file.
package theme

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"image/color"
	"os"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

//go:embed themes.json
var builtin []byte

// palette is one theme as its file has it: colours as #rrggbb, or as the number of a terminal's own colour.
type palette struct {
	Text          string   `json:"text"`
	Muted         string   `json:"muted"`
	Faint         string   `json:"faint"`
	Accent        string   `json:"accent"`
	Title         string   `json:"title"`
	Good          string   `json:"good"`
	Warn          string   `json:"warn"`
	Bad           string   `json:"bad"`
	Selection     string   `json:"selection"`
	SelectionText string   `json:"selectionText"`
	Match         string   `json:"match"`
	MatchText     string   `json:"matchText"`
	Services      []string `json:"services"`
}

// Theme holds the styles of everything that is drawn. Meaning is never carried by colour alone: whoever draws a state
// also writes a sign or a word.
type Theme struct {
	Name     string
	Text     lipgloss.Style // what is read
	Muted    lipgloss.Style // labels, units, hints
	Faint    lipgloss.Style // borders, rules, empty parts of a chart
	Accent   lipgloss.Style // focus, numbers that matter, keys
	Title    lipgloss.Style // of a pane
	Good     lipgloss.Style
	Warn     lipgloss.Style
	Bad      lipgloss.Style
	Selected lipgloss.Style // the row under the cursor
	Match    lipgloss.Style // what a search found

	services []lipgloss.Style
}

// Set is a pair of themes, of which the terminal's background chooses one.
type Set struct{ Dark, Light *Theme }

// For returns the theme for a background.
func (s Set) For(dark bool) *Theme {
	if dark {
		return s.Dark
	}
	return s.Light
}

// Load reads the built-in themes and, where path is not empty, a file of the same form over them: a theme, or a colour, that the
// file leaves out stays as it is built in.
func Load(path string) (Set, error) {
	palettes := map[string]palette{}
	if err := json.Unmarshal(builtin, &palettes); err != nil {
		return Set{}, fmt.Errorf("reading built-in themes: %w", err)
	}
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return Set{}, fmt.Errorf("reading theme file %q: %w", path, err)
		}
		if err := merge(palettes, text); err != nil {
			return Set{}, fmt.Errorf("reading theme file %q: %w; it has the form of `stackctl dash --print-theme`", path, err)
		}
	}
	return Set{Dark: build("dark", palettes["dark"]), Light: build("light", palettes["light"])}, nil
}

// Builtin returns the file of the built-in themes, to start one's own from.
func Builtin() []byte { return slices.Clone(builtin) }

// merge decodes over what is there, so that a file names only what it changes.
func merge(into map[string]palette, text []byte) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return err
	}
	for name, raw := range given {
		p, known := into[name]
		if !known {
			return fmt.Errorf("theme %q is neither dark nor light", name)
		}
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&p); err != nil {
			return fmt.Errorf("theme %q: %w", name, err)
		}
		if len(p.Services) == 0 {
			return fmt.Errorf("theme %q: \"services\" has no colours", name)
		}
		into[name] = p
	}
	return nil
}

func build(name string, p palette) *Theme {
	fg := func(c string) lipgloss.Style { return lipgloss.NewStyle().Foreground(parse(c)) }
	t := &Theme{
		Name: name,
		Text: fg(p.Text), Muted: fg(p.Muted), Faint: fg(p.Faint),
		Accent: fg(p.Accent).Bold(true), Title: fg(p.Title).Bold(true),
		Good: fg(p.Good), Warn: fg(p.Warn), Bad: fg(p.Bad).Bold(true),
		// Reverse would lose the colours of the row; without any colour bold and the cursor's own sign still show it.
		Selected: fg(p.SelectionText).Background(parse(p.Selection)).Bold(true),
		Match:    fg(p.MatchText).Background(parse(p.Match)).Underline(true),
	}
	for _, c := range p.Services {
		t.services = append(t.services, fg(c))
	}
	return t
}

func parse(c string) color.Color { return lipgloss.Color(c) }

// Service returns the style of a service's name, the same everywhere and every time.
func (t *Theme) Service(name string) lipgloss.Style {
	switch name { // the stack's own tiers, told apart for certain
	case "nginx":
		return t.services[0]
	case "web":
		return t.services[1%len(t.services)]
	case "redis":
		return t.services[3%len(t.services)]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return t.services[h.Sum32()%uint32(len(t.services))]
}
