package main

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/cli/inspect"
	"stackctl.dev/stackctl/internal/cli/operate"
	"stackctl.dev/stackctl/internal/docstest"
	"stackctl.dev/stackctl/internal/doctor"
	"stackctl.dev/stackctl/internal/logprint"
	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/tui"
)

// commandTree is the tree of commands as help shows it, whatever the environment says.
func commandTree(t *testing.T) *cobra.Command {
	t.Setenv("STACKCTL_THEME", "")
	return newRoot(&terminal.Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, 0)
}

// usageOf is how a command is called, such as "images save FILE".
func usageOf(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.Parent().CommandPath()+" ", " ")
	return path + cmd.Use
}

// visible lists the commands below one that help shows.
func visible(cmd *cobra.Command) (found []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			found = append(append(found, sub), visible(sub)...)
		}
	}
	return found
}

// TestDocumentsNameTheCommands compares README's table of commands with the commands: the words of each row are those of the command.
func TestDocumentsNameTheCommands(t *testing.T) {
	root := commandTree(t)
	rows := map[string]docstest.Row{}
	for _, row := range docstest.Read(t, "README.md").Section("Commands").Table("Command") {
		rows[row.Cells[0]] = row
	}
	for _, cmd := range visible(root) {
		if cmd.Parent() != root {
			continue
		}
		call := "`" + usageOf(cmd) + "`"
		row, ok := rows[call]
		delete(rows, call)
		switch {
		case !ok:
			t.Errorf("README.md, \"Commands\", lacks this row:\n| %s | %s |", strings.ReplaceAll(call, "|", `\|`), cmd.Short)
		case row.Cells[1] != cmd.Short:
			t.Errorf("%s says of %s %q, and its help says %q: make them the same", row.At, call, row.Cells[1], cmd.Short)
		}
	}
	for call, row := range rows {
		t.Errorf("%s: there is no command %s: take the row out, or write it as its help has it", row.At, call)
	}
}

// TestDocumentsNameTheFlags compares the sections and tables of docs/commands.md with the commands and their flags: names, meanings and
// defaults.
func TestDocumentsNameTheFlags(t *testing.T) {
	const name = "docs/commands.md"
	root := commandTree(t)
	doc := docstest.Read(t, name)
	compareFlags(t, name, doc.Section("Global flags"), root.PersistentFlags(), &pflag.FlagSet{})
	sections := map[string]docstest.Section{}
	for _, section := range doc.Sections() {
		if section.Level == 3 {
			for _, call := range docstest.Code(section.Heading) {
				sections[call] = section
			}
		}
	}
	for _, cmd := range visible(root) {
		call := usageOf(cmd)
		section, ok := sections[call]
		delete(sections, call)
		if !ok {
			t.Errorf("%s lacks a section \"### `%s`\": %s", name, call, cmd.Short)
			continue
		}
		compareFlags(t, name, section, cmd.LocalNonPersistentFlags(), root.PersistentFlags())
	}
	for call := range sections {
		t.Errorf("%s has a section for `%s`, and there is no such command: take it out, or write it as its help has it", name, call)
	}
}

// compareFlags compares a section's table with the flags, but for those that are repeated because a shorthand is taken.
func compareFlags(t *testing.T, doc string, section docstest.Section, flags, global *pflag.FlagSet) {
	t.Helper()
	rows := map[string]docstest.Row{}
	for _, row := range section.Rows("Flag") {
		rows[row.Cells[0]] = row
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || global.Lookup(f.Name) != nil {
			return
		}
		cell, meaning := "`--"+f.Name+"`", meaningOf(f)
		if f.Shorthand != "" {
			cell = "`-" + f.Shorthand + "`, " + cell
		}
		row, ok := rows[cell]
		delete(rows, cell)
		switch {
		case !ok:
			t.Errorf("%s, %q, lacks this row in a table | Flag | Meaning |:\n| %s | %s |", doc, section.Heading, cell, meaning)
		case row.Cells[1] != meaning:
			t.Errorf("%s says of %s %q, and its help says %q: make them the same", row.At, cell, row.Cells[1], meaning)
		}
	})
	for cell, row := range rows {
		t.Errorf("%s: %s has no flag %s: take the row out", row.At, section.Heading, cell)
	}
}

// meaningOf is a flag's help, with its default if that says something.
func meaningOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "false", "0", "0s", "[]":
		return f.Usage
	}
	if strings.Contains(f.Usage, "(default") {
		return f.Usage
	}
	return fmt.Sprintf("%s (default %s)", f.Usage, f.DefValue)
}

// TestDocumentsNameWhatIsNotThere makes sure that what the documents call missing is, and that the command that CONTRIBUTING.md adds as
// an example is not there already.
func TestDocumentsNameWhatIsNotThere(t *testing.T) {
	root := commandTree(t)
	has := func(name string) bool {
		return slices.ContainsFunc(root.Commands(), func(cmd *cobra.Command) bool { return cmd.Name() == name })
	}
	found := false
	for _, section := range docstest.Read(t, "docs/compose.md").Sections() {
		for _, line := range section.Lines {
			if !strings.HasPrefix(line.Text, "What is not there:") {
				continue
			}
			found = true
			for _, code := range docstest.Code(line.Text) {
				if !strings.Contains(code, "-") && has(code) {
					t.Errorf("%s says that there is no %q, and there is: take it out", line.At, code)
				}
			}
		}
	}
	if !found {
		t.Error(`docs/compose.md has no line "What is not there:" any more: change the test that reads it`)
	}
	example := docstest.Read(t, "CONTRIBUTING.md").Section("Add a command").Lines
	for _, line := range example {
		for _, code := range docstest.Code(line.Text) {
			if name, ok := strings.CutPrefix(code, "stackctl "); ok {
				if has(name) {
					t.Errorf("%s adds the command %q as an example, which is there: take another one", line.At, name)
				}
				return
			}
		}
	}
	t.Error("CONTRIBUTING.md, \"Add a command\", names no command as an example, such as `stackctl prune`")
}

// outputs are the types of the JSON outputs, by their headings in docs/json.md and the heads of their tables' first columns.
var outputs = []struct {
	heading, column string
	of              any
}{
	{"`ps --format json`", "Field", inspect.PsRow{}},
	{"`plan --format json`", "Field", steps.Change{}},
	{"`history --format json`", "Field", kept.Entry{}},
	{"`history --revisions --format json`", "Field", inspect.RevisionRow{}},
	{"`ls --format json`", "Field", inspect.LsRow{}},
	{"`stats --format json`", "Field", inspect.StatsRow{}},
	{"`events --json`", "Field", inspect.EventRow{}},
	{"`verify --format json`", "Field", operate.VerifyReport{}},
	{"`logs --format json`", "Field", logprint.Row{}},
	{"`dash --once --format json`", "Field", tui.Snapshot{}},
	{"`images list --format json`", "Field", images.Resolution{}},
	{"`doctor --format json`", "Field", doctor.Check{}},
	{"`features --format json`", "Field", inspect.FeatureRow{}},
	{"`cert --format json`", "Field", certificate.Status{}},
	{"`version --format json`", "Field", versionInfo{}},
	{"`--progress json`", "Field", progress.Event{}},
	{"`--progress json`", "Field of a card", orchestrate.Card{}},
}

// TestDocumentsNameTheFields compares docs/json.md with the types that are printed: names, types, and what may be absent.
func TestDocumentsNameTheFields(t *testing.T) {
	doc := docstest.Read(t, "docs/json.md")
	for _, output := range outputs {
		type documented struct {
			at, kind string
			absent   bool
		}
		rows := map[string]documented{}
		for _, row := range doc.Section(output.heading).Table(output.column) {
			for _, field := range docstest.Code(row.Cells[0]) {
				rows[field] = documented{row.At, row.Cells[1], strings.Contains(row.Cells[2], "absent")}
			}
		}
		for _, f := range fieldsOf(reflect.TypeOf(output.of), "") {
			row, ok := rows[f.path]
			delete(rows, f.path)
			switch {
			case !ok:
				t.Errorf("docs/json.md, %q, lacks this row:\n| `%s` | %s | ... |", output.heading, f.path, f.kinds[0])
			case !slices.Contains(f.kinds, row.kind):
				t.Errorf("%s says that `%s` is a %q, and it is %q", row.at, f.path, row.kind, strings.Join(f.kinds, " or "))
			case row.absent != f.optional:
				t.Errorf("%s: `%s` may be absent: %v; say when, with that word, or leave the word out", row.at, f.path, f.optional)
			}
		}
		for field, row := range rows {
			t.Errorf("%s: there is no field `%s`: take it out, or write it as the code has it", row.at, field)
		}
	}
}

// field is a field of a JSON object.
type field struct {
	path     string
	kinds    []string // what its type may be called
	optional bool     // it may be absent
}

// fieldsOf lists the fields of a struct as encoding/json names them, with those of the structs in it.
func fieldsOf(of reflect.Type, prefix string) (fields []field) {
	for i := range of.NumField() {
		f := of.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || tag == "-":
			continue
		case f.Anonymous:
			fields = append(fields, fieldsOf(f.Type, prefix)...)
			continue
		case tag == "":
			tag = f.Name
		}
		optional := (strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero"))
		kinds, inner := kindsOf(f.Type, optional)
		path := prefix + tag
		fields = append(fields, field{path, kinds, optional})
		if inner != nil {
			if f.Type.Kind() == reflect.Slice {
				path += "[]"
			}
			fields = append(fields, fieldsOf(inner, path+".")...)
		}
	}
	return fields
}

// kindsOf says what docs/json.md may call a type, and which struct is in it.
func kindsOf(of reflect.Type, optional bool) (kinds []string, inner reflect.Type) {
	text := reflect.TypeFor[encoding.TextMarshaler]()
	switch {
	case of == reflect.TypeFor[time.Time]() || of.Implements(text):
		return []string{"string"}, nil
	case of.Kind() == reflect.Pointer:
		kinds, inner = kindsOf(of.Elem(), optional)
		if !optional {
			kinds = []string{kinds[0] + " or null"}
		}
		return kinds, inner
	case of.Kind() == reflect.Array: // a few of what stands elsewhere too, which is described there
		return []string{"array"}, nil
	case of.Kind() == reflect.Slice:
		_, inner = kindsOf(of.Elem(), false)
		return []string{"array", "array or null"}, inner
	case of.Kind() == reflect.Map:
		return []string{"object", "object or null"}, nil
	case of.Kind() == reflect.Struct:
		return []string{"object"}, of
	case of.Kind() == reflect.String:
		return []string{"string"}, nil
	case of.Kind() == reflect.Bool:
		return []string{"boolean"}, nil
	}
	return []string{"number"}, nil
}
