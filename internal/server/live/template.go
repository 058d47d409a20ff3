package live

import (
	"fmt"
	"html"
	"regexp"
	"strings"
)

// template is a page with {{name}} for values. The standard library's templates look methods up by name, so that the linker would
// keep every exported method of the program: 10 MB.
type template struct {
	text  []string // before each value, and after the last
	names []string
}

var placeholder = regexp.MustCompile(`\{\{([a-z]+)\}\}`)

// parse returns an error if the template has a name that is not one of values.
func parse(source string, values map[string]string) (*template, error) {
	t := &template{}
	end := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(source, -1) {
		name := source[at[2]:at[3]]
		if _, ok := values[name]; !ok {
			return nil, fmt.Errorf("parsing the template of the page: there is no value %q", name)
		}
		t.text, t.names = append(t.text, source[end:at[0]]), append(t.names, name)
		end = at[1]
	}
	t.text = append(t.text, source[end:])
	return t, nil
}

// execute inserts the values, escaped for text and quoted attributes.
func (t *template) execute(values map[string]string) []byte {
	var b strings.Builder
	for i, name := range t.names {
		b.WriteString(t.text[i])
		b.WriteString(html.EscapeString(values[name]))
	}
	b.WriteString(t.text[len(t.names)])
	return []byte(b.String())
}
