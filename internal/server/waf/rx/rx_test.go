package rx

import (
	"io/fs"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

// expressions are all those of the Core Rule Set.
func expressions(t testing.TB) []string {
	t.Helper()
	operator := regexp.MustCompile(`(?s)"!?@rx (.*?)" \\`)
	var found []string
	err := fs.WalkDir(coreruleset.FS, "@owasp_crs", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".conf") {
			return err
		}
		content, err := fs.ReadFile(coreruleset.FS, path)
		for _, match := range operator.FindAllStringSubmatch(string(content), -1) {
			if expression := strings.ReplaceAll(match[1], `\"`, `"`); !hasBytes(expression) {
				found = append(found, "(?sm)"+expression)
			}
		}
		return err
	})
	slices.Sort(found)
	if found = slices.Compact(found); err != nil || len(found) < 200 {
		t.Fatalf("%d expressions, %v", len(found), err)
	}
	return found
}

var words = regexp.MustCompile(`[0-9A-Za-z_]+`)

// texts are made of what stands in an expression and of what matters to it, so that some match and many nearly do.
func texts(r *rand.Rand, expression string, n int) []string {
	parts := append(words.FindAllString(expression, 200), " ", " ", "\n", "\t", "'", `"`, "`", "(", ")", "<", ">", "=", ";", "|", "&&", "$", "{", "}", "%", "..", "/",
		`\`, "-", "--", "#", ":", ",", "*", "1", "0x1f", "a", "S", "k", "\u017f", "\u212a", "é", "\x00", "\xff", "\xe2\x80", "select", "script", "union", "cat", "etc", "passwd")
	made := []string{"", "\n", "a", "1 or 1=1"}
	for range n {
		var b strings.Builder
		for range r.IntN(12) {
			part := parts[r.IntN(len(parts))]
			switch r.IntN(6) {
			case 0:
				part = strings.ToUpper(part)
			case 1:
				part = part[:r.IntN(len(part)+1)]
			}
			b.WriteString(part)
		}
		made = append(made, b.String())
	}
	return made
}

// TestAgreesWithRegexp: the automaton never says otherwise than the standard library.
func TestAgreesWithRegexp(t *testing.T) {
	r, n, matched, decided, all := rand.New(rand.NewPCG(1, 2)), 400, 0, 0, 0
	if testing.Short() {
		n = 60
	}
	for _, expression := range expressions(t) {
		o, err := compile(expression)
		if err != nil {
			t.Errorf("%.60s: %v", expression, err)
			continue
		}
		for _, text := range texts(r, expression, n) {
			want := o.re.MatchString(text)
			got, ok := o.dfa.match(text)
			if ok && got != want {
				t.Errorf("%q in %.200q: %v, want %v", text, expression, got, want)
			}
			if o.dfa.bytes > maxBytes {
				t.Errorf("%.60s: states of %d bytes", expression, o.dfa.bytes)
			}
			all++
			if want {
				matched++
			}
			if ok {
				decided++
			}
		}
	}
	if matched < all/50 || decided < all/2 {
		t.Errorf("of %d texts %d match, and %d were decided: the test shows little", all, matched, decided)
	}
}

// Anchors and word boundaries depend on the character before and the one after.
func TestAnchors(t *testing.T) {
	for _, expression := range []string{`(?sm)^a$`, `\Aa\z`, `(?sm)a$`, `\ba\b`, `\Ba`, `(?s)a.b`, `a.b`, `^$`, `(?sm)^$`, `(?i)ß|k`, `[^a]b`, `(?:^|x)a`, `a*`, `\x{2019}a`, `[^\x00-\x7f]`} {
		o, err := compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "a", "\na\n", "ba", "a b", "ab", "a\nb", "xa", "\n", "é", "éa", "aé", "\u212a", "ſ", "ẞ", "cb", "’a", "\xff", "a\xff", "_a", "b\na"} {
			for range 3 { // what is made by the first is used by the others
				if got, ok := o.dfa.match(text); !ok || got != o.re.MatchString(text) {
					t.Errorf("%q in %q: %v %v", text, expression, got, ok)
				}
			}
		}
	}
}

// TestNewTextsAreBounded: an expression with very many states ends in the standard library, not in the memory.
func TestNewTextsAreBounded(t *testing.T) {
	o, err := compile(`(?s)a.{18}b.{18}c`)
	if err != nil {
		t.Fatal(err)
	}
	r, undecided := rand.New(rand.NewPCG(3, 4)), 0
	for range 300 {
		text := make([]byte, 400)
		for i := range text {
			text[i] = "abx"[r.IntN(3)]
		}
		if _, ok := o.dfa.match(string(text)); !ok {
			undecided++
		}
		if got := o.match(string(text)); got != o.re.MatchString(string(text)) || o.dfa.bytes > maxBytes {
			t.Fatalf("%v, %d bytes", got, o.dfa.bytes)
		}
	}
	if undecided < 100 {
		t.Errorf("%d texts were not decided: the test shows nothing", undecided)
	}
}

func TestManyAtOnce(t *testing.T) {
	o, err := compile(`(?i)\b(?:union|select)\b.{1,20}\bfrom\b`)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			for _, text := range texts(rand.New(rand.NewPCG(seed, 5)), "select union from", 500) {
				if o.match(text) != o.re.MatchString(text) {
					t.Errorf("%q", text)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzMatch(f *testing.F) {
	f.Add(`(?i)^s(?:e|k)+\b.$`, "sek\n")
	f.Fuzz(func(t *testing.T, expression, text string) {
		if len(expression) > 200 {
			return
		}
		o, err := compile(expression)
		if err != nil {
			return
		}
		if got, ok := o.dfa.match(text); ok && got != o.re.MatchString(text) {
			t.Errorf("%q in %q: %v", text, expression, got)
		}
	})
}
