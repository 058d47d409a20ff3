package hostimage

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// addFiles adds what the patterns of spec.Files match, with links followed. Libraries among them are added as they are: what they need
// in turn has to be a program's too.
func (f *finder) addFiles(r *Rootfs, spec Spec) error {
	var unwanted []string
	for _, pattern := range spec.Files {
		if rest, is := strings.CutPrefix(pattern, "!"); is {
			unwanted = append(unwanted, rest)
		}
	}
	for _, pattern := range spec.Files {
		switch {
		case strings.HasPrefix(pattern, "!"):
			continue
		case !path.IsAbs(pattern) || path.Clean(pattern) != pattern:
			return fmt.Errorf("finding %q on this host: use an absolute path", pattern)
		}
		matched, err := f.addMatches(r, pattern, unwanted)
		if err != nil {
			return err
		}
		if !matched {
			return &MissingError{Program: pattern, Package: packageOf(spec.Programs[0]), Searched: f.searched()}
		}
	}
	return nil
}

// addMatches adds what one pattern matches in the first root that has anything.
func (f *finder) addMatches(r *Rootfs, pattern string, unwanted []string) (bool, error) {
	for _, root := range f.roots {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return false, fmt.Errorf("finding %q on this host: %w", pattern, err)
		}
		for _, start := range found {
			if err := filepath.WalkDir(start, func(source string, entry fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				return f.addMatch(r, root, source, entry, unwanted)
			}); err != nil {
				return false, fmt.Errorf("adding %q to the image: %w", start, err)
			}
		}
		if len(found) > 0 {
			return true, nil
		}
	}
	return false, nil
}

func (f *finder) addMatch(r *Rootfs, root, source string, entry fs.DirEntry, unwanted []string) error {
	name := inRoot(root, source)
	if slices.ContainsFunc(unwanted, func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok }) {
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	if entry.IsDir() {
		return nil // added with its files
	}
	target, ok := f.follow(root, name)
	if !ok {
		return nil // a link to nothing, or to a folder
	}
	return r.addFile(file{source: target, target: canonical(name)})
}
