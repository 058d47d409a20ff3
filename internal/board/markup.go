package board

import (
	"fmt"
	"html"
	"strings"
)

// markup is text of a page that is escaped where it has to be; docs/adr/0030 says why html/template is not used.
type markup string

// page is a page as it is written.
type page struct{ strings.Builder }

// add writes a form of ours, which has values as %s, %d and so on. Everything but markup and numbers is escaped.
func (p *page) add(form string, values ...any) {
	safe := make([]any, len(values))
	for i, value := range values {
		switch value := value.(type) {
		case markup:
			safe[i] = string(value)
		case int, float64:
			safe[i] = value
		default:
			safe[i] = html.EscapeString(fmt.Sprint(value))
		}
	}
	fmt.Fprintf(p, form, safe...)
}

// here is the attribute of a link to what is shown.
func here(is bool, value string) markup {
	if !is {
		return ""
	}
	return markup(` aria-current="` + value + `"`)
}
