package steps

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
)

// ReloadContainer makes a program read changed configs while it runs: they are checked, written and signalled, what
// still works with the old ones is given time to end, and they are marked as read.
type ReloadContainer struct {
	Name   string
	Files  []configs.File
	Signal string
	// Check ends with 0 where the config at Checked is good; "{file}" in it stands for the file that is tried. None
	// means that there is nothing to check with.
	Check   []string
	Checked string
	// Drain bounds the wait for the processes that have the old configs; 0 where nothing that they lead to goes away.
	Drain    time.Duration
	MakeDirs bool
	// Notice is how long before it answers close their connections, where Leaving is one.
	Notice time.Duration
	// Leaving is the file that is executable as long as answers are to close their connections; "" where the program knows none.
	Leaving string
	// Undoable keeps the old configs, which costs the engine some 70 ms.
	Undoable bool
	Old      []configs.File
}

func (a *ReloadContainer) Verb() string { return "reload container" }

func (a *ReloadContainer) Object() string { return a.Name }

// undo reads the old configs again.
func (a *ReloadContainer) undo() []Action {
	if a.Old == nil {
		return nil
	}
	back := *a
	back.Files, back.Old, back.Undoable, back.Check = a.Old, nil, false, nil
	return []Action{&back}
}

// Parts says what of a config is written: the file, its mark (see configs.MarkOf), or both.
type Parts int

// The parts.
const (
	Written Parts = 1 << iota
	Marked
)

// WriteFiles writes files that share one directory, over the API: it works with remote engines and needs no bind mount.
type WriteFiles struct {
	Container string
	Files     []configs.File
	Parts     Parts
	// MakeDirs makes folders that the image lacks; the root of the container must be writable for that.
	MakeDirs bool
}

func (a WriteFiles) Verb() string {
	if a.Parts == Marked {
		return "mark files"
	}
	return "write files"
}

func (a WriteFiles) Object() string {
	names := make([]string, len(a.Files))
	for i, f := range a.Files {
		names[i] = f.Path
	}
	return a.Container + ":" + strings.Join(names, ",")
}

// Contents are what is written: the files, their marks, or both.
func (a WriteFiles) Contents() []configs.File {
	var files []configs.File
	for _, f := range a.Files {
		if a.Parts&Written != 0 {
			files = append(files, f)
		}
		if a.Parts&Marked != 0 {
			files = append(files, configs.MarkOf(f))
		}
	}
	return files
}

// ByDir groups files by their directory, in the order of these.
func ByDir(files []configs.File) [][]configs.File {
	groups := map[string][]configs.File{}
	for _, f := range files {
		groups[path.Dir(f.Path)] = append(groups[path.Dir(f.Path)], f)
	}
	var sorted [][]configs.File
	for _, dir := range slices.Sorted(maps.Keys(groups)) {
		sorted = append(sorted, groups[dir])
	}
	return sorted
}
