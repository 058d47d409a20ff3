package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// A feature is a Compose file, features/NAME.yaml, that is merged over those of the stack, and lines of the proxy's configuration that
// count only while the feature is on. docs/features.md describes them.

// Feature describes a feature, as its file does under `x-feature`.
type Feature struct {
	Name string `yaml:"-" json:"name"`
	// Summary says what it does, Cost what it costs, Publishes what other machines may reach by it: each half a sentence.
	Summary   string `yaml:"summary" json:"summary"`
	Cost      string `yaml:"cost" json:"cost"`
	Publishes string `yaml:"publishes" json:"publishes,omitempty"`
	// Default says that it is on unless it is turned off: the Compose file names it.
	Default bool `yaml:"-" json:"default"`
	// Hidden says that it has a command of its own, and is in no list.
	Hidden bool `yaml:"hidden" json:"-"`
}

// featuresFolder has a file for each feature.
const featuresFolder = "features"

// Features lists the features of a file system like that of the embedded stack, sorted by name.
func Features(files fs.FS) ([]Feature, error) {
	names, err := fs.Glob(files, featuresFolder+"/*.yaml")
	if err != nil {
		return nil, err
	}
	own, err := fs.ReadFile(files, embeddedFile)
	if err != nil {
		return nil, fmt.Errorf("reading the embedded stack: %w", err)
	}
	defaults := withOf(own)
	var found []Feature
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var file struct {
			Feature Feature `yaml:"x-feature"`
		}
		if err := yaml.Unmarshal(content, &file); err != nil {
			return nil, fmt.Errorf("reading feature %s: %w", name, err)
		}
		file.Feature.Name = strings.TrimSuffix(strings.TrimPrefix(name, featuresFolder+"/"), ".yaml")
		file.Feature.Default = slices.Contains(defaults, file.Feature.Name)
		found = append(found, file.Feature)
	}
	return found, nil
}

// DefaultFeatures lists the features that are on unless they are turned off.
func DefaultFeatures(features []Feature) (names []string) {
	for _, f := range features {
		if f.Default {
			names = append(names, f.Name)
		}
	}
	return names
}

// CheckKnown returns an error for a name that is no feature's.
func CheckKnown(features []Feature, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(features, func(f Feature) bool { return f.Name == name }) {
			var known []string
			for _, f := range features {
				if !f.Hidden {
					known = append(known, f.Name)
				}
			}
			return fmt.Errorf("finding feature %q: there are %s; `stackctl features` describes them", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// Features lists the features that the stack can have.
func (s *Stack) Features() ([]Feature, error) { return Features(s.options.Default) }

// topLevel matches a top-level key that is not the description of a feature.
var topLevel = regexp.MustCompile(`(?m)^([a-wyz]|x-[a-eg-z])`)

// overlays returns the files of the features, in the order of their names, so that the result does not depend on that of the flags.
func overlays(files fs.FS, names []string) (found []types.ConfigFile, err error) {
	for _, name := range slices.Sorted(slices.Values(names)) {
		path := featuresFolder + "/" + name + ".yaml"
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, fmt.Errorf("reading feature %q: %w", name, err)
		}
		if topLevel.Match(content) { // merging is slow, also of nothing
			found = append(found, types.ConfigFile{Filename: path, Content: content})
		}
	}
	return found, nil
}

// withOf returns the features that a Compose file names; compose-go returns the error if there is one.
func withOf(file []byte) []string {
	var top struct {
		Extension struct {
			With []string `yaml:"with"`
		} `yaml:"x-stackctl"`
	}
	if block := extensionBlock.Find(file); block == nil || yaml.Unmarshal(block, &top) != nil {
		_ = yaml.Unmarshal(file, &top)
	}
	return top.Extension.With
}

// extensionBlock finds the top-level extension of a file in block style: reading it alone is faster.
var extensionBlock = regexp.MustCompile(`(?m)^x-stackctl:[ \t]*\n(?:(?:[ \t#].*)?\n)+`)

// featuresOf returns the features that are on: of the embedded stack those of the options, of the user's own files those that
// `x-stackctl: {with: [...]}` names.
func (o Options) featuresOf(own []types.ConfigFile) ([]string, error) {
	if o.Default == nil {
		return nil, nil
	}
	with := o.With
	if len(o.Files) > 0 {
		with = nil
		for _, file := range own {
			if named := withOf(file.Content); named != nil {
				with = named
			}
		}
		if len(with) == 0 {
			return nil, nil
		}
	}
	if with == nil {
		embedded, err := fs.ReadFile(o.Default, embeddedFile)
		if err != nil {
			return nil, fmt.Errorf("reading the embedded stack: %w", err)
		}
		with = withOf(embedded)
	}
	for _, name := range with {
		if _, err := fs.Stat(o.Default, featuresFolder+"/"+name+".yaml"); err != nil {
			features, err := Features(o.Default)
			if err != nil {
				return nil, err
			}
			return nil, CheckKnown(features, with)
		}
	}
	return with, nil
}

// A configuration marks lines that belong to a feature in comments, as it does those that depend on a version: see RenderVersions.
var (
	withMark    = regexp.MustCompile(`^(\s*)# with ([a-z][a-z0-9-]*): (.*)$`)
	withoutMark = regexp.MustCompile(`# without ([a-z][a-z0-9-]*)\s*$`)
	eachMark    = regexp.MustCompile(`^(\s*)# each (STACKCTL_[A-Z0-9_]+): (.*)$`)
	ourVariable = regexp.MustCompile(`\$\{(STACKCTL_[A-Z0-9_]+)(:-([^}]*))?\}`)
)

// RenderFeatures adapts a configuration to the features that are on. A line `# with NAME: text` becomes `text` if the feature is on;
// a line `text # without NAME` goes then. Marks can follow each other. What begins with `# each VARIABLE: text` becomes a line for each of the variable's values,
// which are separated by commas, with the value in the place of `{}`. `${STACKCTL_NAME:-default}` becomes the variable's value. The
// rest is unchanged: `$name` is the program's own.
func RenderFeatures(conf string, with []string, env map[string]string) string {
	var out strings.Builder
	for line := range strings.Lines(conf) {
		text := strings.TrimRight(line, "\r\n")
		end := line[len(text):]
		if m := withoutMark.FindStringSubmatch(text); m != nil && slices.Contains(with, m[1]) {
			continue
		}
		off := false // a line can be for several features together
		for m := withMark.FindStringSubmatch(text); m != nil && !off; m = withMark.FindStringSubmatch(text) {
			if off = !slices.Contains(with, m[2]); !off {
				text = m[1] + m[3]
			}
		}
		if off {
			out.WriteString(line)
			continue
		}
		values := []string{""}
		if m := eachMark.FindStringSubmatch(text); m != nil {
			text, values = m[1]+m[3], strings.FieldsFunc(env[m[2]], func(r rune) bool { return r == ',' || r == ' ' })
		}
		for _, value := range values {
			rendered := ourVariable.ReplaceAllStringFunc(strings.ReplaceAll(text, "{}", value), func(name string) string {
				m := ourVariable.FindStringSubmatch(name)
				if set := env[m[1]]; set != "" {
					return set
				}
				return m[3]
			})
			out.WriteString(rendered + end)
		}
	}
	return out.String()
}

// isRendered reports whether the config is the proxy configuration of a service.
func (s *Stack) isRendered(config string) bool {
	for _, services := range []types.Services{s.Project.Services, s.Project.DisabledServices} {
		for svc := range maps.Values(services) {
			if name, ok := s.Upstreams(svc); ok && name == config {
				return true
			}
		}
	}
	return false
}

// errFront says what a file of the user's own must have for a feature.
var errFront = errors.New("features are for stacks with a service `nginx`, whose `x-stackctl.upstreams` is the config `nginx_conf`; docs/features.md shows one")

// checkFeatures checks that a stack of the user's own has what the features change.
func (s *Stack) checkFeatures() error {
	if s.Embedded || len(s.With) == 0 {
		return nil
	}
	front, ok := s.Project.Services["nginx"]
	if config, is := s.Upstreams(front); !ok || !is || config != "nginx_conf" {
		return located(s.files, extensionKey+".with", errFront)
	}
	return nil
}
