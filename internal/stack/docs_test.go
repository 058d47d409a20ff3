package stack

import (
	"reflect"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/docstest"
)

const keysDocument = "docs/compose-extension.md"

// TestDocumentsNameTheKeys compares the lists of keys with those that are honoured.
func TestDocumentsNameTheKeys(t *testing.T) {
	section := docstest.Read(t, keysDocument).Section("Supported keys")
	lists := map[string]map[string]string{"Top level: ": {}, "Services: ": {}}
	for _, line := range section.Lines {
		for head, keys := range lists {
			if text, ok := strings.CutPrefix(line.Text, head); ok {
				for _, key := range docstest.Code(text) {
					if !strings.HasSuffix(key, "-") { // x-
						keys[key] = line.At
					}
				}
			}
		}
	}
	docstest.Same(t, "top-level key", keysDocument+` (the line "Top level:")`, lists["Top level: "], supportedTopLevel)
	docstest.Same(t, "key of a service", keysDocument+` (the line "Services:")`, lists["Services: "], supportedServiceKeys)

	parts := map[string]string{}
	for _, row := range section.Table("Key") {
		for _, part := range docstest.Code(row.Cells[1]) {
			parts[docstest.Code(row.Cells[0])[0]+"."+part] = row.At
		}
	}
	var unsupported []string
	for _, path := range unsupportedPaths { // services.*.volumes.[].image is services.volumes.image there
		unsupported = append(unsupported, strings.NewReplacer(".*", "", ".[]", "").Replace(path))
	}
	docstest.Same(t, "unsupported part", keysDocument+` (the table "Parts that are errors")`, parts, unsupported)
}

// TestDocumentsNameTheExtension compares the tables of `x-stackctl` with what is read.
func TestDocumentsNameTheExtension(t *testing.T) {
	doc := docstest.Read(t, keysDocument)
	for heading, of := range map[string]any{
		"`x-stackctl` at the top level": Extension{},
		"`x-stackctl` in a service":     ServiceExtension{},
		"`x-stackctl` in a secret":      SecretExtension{},
		"`x-stackctl` in a config":      ConfigExtension{},
	} {
		documented := map[string]string{}
		for _, row := range doc.Section(heading).Table("Key") {
			for _, key := range docstest.Code(row.Cells[0]) {
				documented[key] = row.At
			}
		}
		docstest.Same(t, "key", keysDocument+", "+heading+",", documented, keysOf(reflect.TypeOf(of), ""))
	}
}

// keysOf lists the keys of an extension, with those of the mappings in it: host.programs.
func keysOf(of reflect.Type, prefix string) (keys []string) {
	for i := range of.NumField() {
		f := of.Field(i)
		key := prefix + f.Tag.Get("mapstructure")
		keys = append(keys, key)
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			if f.Type.Kind() == reflect.Slice {
				key += "[]"
			}
			keys = append(keys, keysOf(inner, key+".")...)
		}
	}
	return keys
}
