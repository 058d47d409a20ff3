package stack

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// FileError is an error in a Compose file.
type FileError struct {
	File string // as the user named it
	Line int    // from 1; 0 if it is not known
	Key  string // dotted path in the file; "" if it is not known
	Err  error
}

func (e *FileError) Error() string {
	place := e.File
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Key == "" {
		return fmt.Sprintf("reading %s: %v", place, e.Err)
	}
	return fmt.Sprintf("reading %s: key %q: %v", place, e.Key, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// located wraps err with the file and line of the key.
func located(files []types.ConfigFile, key string, err error) error {
	file, line := locate(files, key)
	return &FileError{File: filepath.Base(file), Line: line, Key: key, Err: err}
}

// unsupportedError names every key that stackctl does not support.
func unsupportedError(files []types.ConfigFile, found []loader.UnsupportedAttribute) error {
	errs := make([]error, 0, len(found))
	for _, attribute := range found {
		key := strings.ReplaceAll(string(attribute.Path), "👻", ".") // how compose-go writes a dot inside a key
		errs = append(errs, located(files, key, errors.New("not supported by stackctl; remove it, or see `stackctl config --help`")))
	}
	return errors.Join(errs...)
}

var (
	// keyInError finds the dotted path in the errors of compose-go's schema validation.
	keyInError = regexp.MustCompile(`\b((?:services|networks|volumes|configs|secrets|name|include)(?:\.[^\s':]+)*)`)
	// extraInError finds the unknown keys in the same errors.
	extraInError = regexp.MustCompile(`additional properties? '([^']+)'`)
	// lineInError finds the line that a YAML syntax error names.
	lineInError = regexp.MustCompile(`\bline (\d+)`)
)

// explain turns an error of compose-go into one that names the file, and the line and key if they are known.
func explain(files []types.ConfigFile, err error) error {
	text := err.Error()
	if m := lineInError.FindStringSubmatch(text); m != nil {
		return syntaxError(files, err)
	}
	key := ""
	if m := keyInError.FindStringSubmatch(text); m != nil {
		key = strings.Trim(m[1], ".")
	}
	if m := extraInError.FindStringSubmatch(text); m != nil {
		key = strings.TrimPrefix(key+"."+m[1], ".")
		err = fmt.Errorf("unknown key: %w", err)
	}
	if strings.HasSuffix(text, "false schema") { // how the JSON schema says that no key is allowed here
		err = errors.New("unknown key; see the Compose specification for the keys of a service")
	}
	if key == "" {
		return &FileError{File: filepath.Base(files[0].Filename), Err: err}
	}
	return located(files, key, err)
}

// syntaxError finds the file that does not parse: compose-go's error has only the line.
func syntaxError(files []types.ConfigFile, err error) error {
	for _, file := range files {
		var node yaml.Node
		parse := yaml.Unmarshal(file.Content, &node)
		if parse == nil {
			continue
		}
		line := 0
		if m := lineInError.FindStringSubmatch(parse.Error()); m != nil {
			line, _ = strconv.Atoi(m[1]) // the expression matches digits only
		}
		return &FileError{File: filepath.Base(file.Filename), Line: line, Err: parse}
	}
	return &FileError{File: filepath.Base(files[0].Filename), Err: err}
}

// locate returns the file and line of a dotted key, or of its nearest parent that is in a file. Later files win, as they do when
// files are merged.
func locate(files []types.ConfigFile, key string) (file string, line int) {
	file = files[0].Filename
	deepest := 0
	for _, f := range files {
		var doc yaml.Node
		if yaml.Unmarshal(f.Content, &doc) != nil || len(doc.Content) == 0 {
			continue
		}
		at, depth := descend(doc.Content[0], key)
		if depth >= deepest && at > 0 {
			file, line, deepest = f.Filename, at, depth
		}
	}
	return file, line
}

// descend follows the key through the mappings and returns the line and depth of the deepest part found. Keys may contain dots
// themselves, so every prefix is tried.
func descend(node *yaml.Node, key string) (line, depth int) {
	if key == "" || node.Kind != yaml.MappingNode {
		return 0, 0
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		rest, ok := strings.CutPrefix(key, name.Value)
		if !ok || (rest != "" && rest[0] != '.') {
			continue
		}
		line, depth = descend(node.Content[i+1], strings.TrimPrefix(rest, "."))
		if line == 0 {
			line = name.Line
		}
		return line, depth + 1
	}
	return 0, 0
}
