package live

import (
	"net/http"
	"testing"
)

func TestWantsHTML(t *testing.T) {
	for _, tc := range []struct {
		name   string
		accept []string
		want   bool
	}{
		{"nothing", nil, false},
		{"curl", []string{"*/*"}, false},
		{"empty", []string{""}, false},
		{"chromium", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}, true},
		{"firefox", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, true},
		{"lynx", []string{"text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01"}, true},
		{"case and space", []string{" TEXT/HTML ; Q=0.5 "}, true},
		{"xhtml alone", []string{"application/xhtml+xml"}, true},
		{"a range does not name it", []string{"text/*"}, false},
		{"refused", []string{"text/html;q=0"}, false},
		{"refused in full", []string{"text/html;q=0.000, */*"}, false},
		{"plain is liked more", []string{"text/html;q=0.5, text/plain"}, false},
		{"plain is liked more, by a range", []string{"text/html;q=0.5, */*"}, false},
		{"plain is liked less", []string{"text/html, text/plain;q=0.9"}, true},
		{"plain itself counts before its range", []string{"text/html;q=0.5, text/*, text/plain;q=0.1"}, true},
		{"two lines", []string{"image/png", "text/html"}, true},
		{"two lines, plain", []string{"text/plain", "text/html;q=0.1"}, false},
		{"parameter", []string{"text/html;level=1;q=0.3"}, true},
		{"no number", []string{"text/html;q=much"}, false},
		{"not a number", []string{"text/html;q=NaN"}, false},
		{"too much", []string{"text/html;q=2"}, false},
		{"fetch for events", []string{"text/event-stream"}, false},
	} {
		if got := WantsHTML(&http.Request{Header: http.Header{"Accept": tc.accept}}); got != tc.want {
			t.Errorf("%s: %q gives %v, want %v", tc.name, tc.accept, got, tc.want)
		}
	}
}

func FuzzWantsHTML(f *testing.F) {
	f.Add("text/html", "*/*;q=0.8")
	f.Add("text/html;q=0.5;;=,", ",;,text/plain;q=-1")
	f.Fuzz(func(t *testing.T, one, two string) {
		r := &http.Request{Header: http.Header{"Accept": {one, two}}}
		got := WantsHTML(r)
		r.Header["Accept"] = []string{two, one}
		if WantsHTML(r) != got {
			t.Fatalf("%q, %q: the order matters", one, two)
		}
		r.Header["Accept"] = []string{one + "," + two}
		if WantsHTML(r) != got {
			t.Fatalf("%q, %q: one line is not two", one, two)
		}
	})
}
