// Package backup is the form of a backup: a tar file that begins with a manifest, which has the size and the SHA-256 of everything that
// follows, so that a file is written and checked as a stream. It knows no engine and no Redis.
//
// The hashes find what was damaged. Against forgery they protect only where there are secrets: those are encrypted with a passphrase
// together with the hashes of the rest (see Seal).
package backup

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Version is that of the form. A file of another one is refused.
const Version = 1

// What a backup can have.
const (
	Compose  = "compose.yaml"     // the resolved Compose file
	Redis    = "redis/dump.rdb"   // a snapshot in Redis's own form
	Postgres = "postgres/db.dump" // of pg_dump, in its custom form
	Secrets  = "secrets.age"      // passwords and certificates, encrypted
	// manifest is the first entry.
	manifest = "manifest.json"
)

// limits bound the entries, in bytes.
var limits = map[string]int64{manifest: 1 << 20, Compose: 8 << 20, Redis: 1 << 40, Postgres: 1 << 40, Secrets: 16 << 20}

// Manifest describes a backup.
type Manifest struct {
	Version int       `json:"version"`
	Project string    `json:"project"`
	Time    time.Time `json:"time"`
	// Embedded says that it is of the embedded stack; else its Compose file is the user's own.
	Embedded bool `json:"embedded"`
	// With are the features that were on; nil are those that are by default.
	With      []string          `json:"with"`
	Variables map[string]string `json:"variables,omitempty"`
	Port      int               `json:"port,omitempty"` // published; 0 is that of the Compose file
	Replicas  map[string]int    `json:"replicas"`
	// Visits is the counter's value a moment before the snapshot; nil if there is no counter.
	Visits  *int64  `json:"visits,omitempty"`
	Store   *Store  `json:"redis,omitempty"`
	Missing string  `json:"missing,omitempty"` // in words
	Entries []Entry `json:"entries"`
}

// Store says how Redis keeps its data, so that it loads the snapshot when it starts.
type Store struct {
	Service string `json:"service"`
	Version string `json:"version"`
	Dir     string `json:"dir"`
	// AppendOnly says that it loads the append-only file, not the snapshot.
	AppendOnly bool   `json:"append_only"`
	AppendDir  string `json:"append_dir"`
	AppendFile string `json:"append_file"`
	File       string `json:"file"` // of the snapshot
}

// Entry is a file of the backup.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Entry returns the entry of a name.
func (m *Manifest) Entry(name string) (Entry, bool) {
	i := slices.IndexFunc(m.Entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return m.Entries[i], true
}

// Has reports whether the backup has an entry.
func (m *Manifest) Has(name string) bool {
	_, ok := m.Entry(name)
	return ok
}

// Size is that of all entries, in bytes.
func (m *Manifest) Size() (total int64) {
	for _, e := range m.Entries {
		total += e.Size
	}
	return total
}

var (
	projectName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,200}$`)
	plainName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$`)
	variable    = regexp.MustCompile(`^STACKCTL_[A-Z0-9_]{1,100}$`)
)

const (
	maxReplicas = 1000
	maxNames    = 1000
	maxText     = 64 << 10 // bytes of a value
)

// check refuses what cannot be a manifest: it is read from a file of whoever.
func (m *Manifest) check() error {
	switch {
	case m.Version != Version:
		return fmt.Errorf("its form is version %d, and this stackctl reads version %d", m.Version, Version)
	case !projectName.MatchString(m.Project):
		return fmt.Errorf("%.50q is no name of a project", m.Project)
	case m.Port < 0 || m.Port > 65535:
		return fmt.Errorf("%d is no port", m.Port)
	case len(m.With) > maxNames || len(m.Variables) > maxNames || len(m.Replicas) > maxNames:
		return errors.New("it has too many features, variables or services")
	case len(m.Missing) > maxText:
		return errors.New("a text is too long")
	}
	for _, name := range m.With {
		if !plainName.MatchString(name) {
			return fmt.Errorf("%.50q is no name of a feature", name)
		}
	}
	for name, value := range m.Variables {
		if !variable.MatchString(name) || len(value) > maxText {
			return fmt.Errorf("%.50q is no variable of the stack", name)
		}
	}
	for name, n := range m.Replicas {
		if !plainName.MatchString(name) || n < 0 || n > maxReplicas {
			return fmt.Errorf("%.50q cannot have %d replicas", name, n)
		}
	}
	if err := m.checkEntries(); err != nil {
		return err
	}
	return m.checkStore()
}

func (m *Manifest) checkEntries() error {
	seen := map[string]bool{}
	for _, e := range m.Entries {
		limit, known := limits[e.Name]
		sum, err := hex.DecodeString(e.SHA256)
		switch {
		case !known || e.Name == manifest:
			return fmt.Errorf("it lists %.50q, which is no part of a backup", e.Name)
		case seen[e.Name]:
			return fmt.Errorf("it lists %q twice", e.Name)
		case e.Size < 0 || e.Size > limit:
			return fmt.Errorf("%q cannot have %d bytes", e.Name, e.Size)
		case err != nil || len(sum) != 32:
			return fmt.Errorf("the SHA-256 of %q is none", e.Name)
		}
		seen[e.Name] = true
	}
	return nil
}

func (m *Manifest) checkStore() error {
	s := m.Store
	if s == nil {
		if m.Has(Redis) {
			return errors.New("it does not say how Redis keeps its data")
		}
		return nil
	}
	for _, name := range []string{s.Service, s.AppendDir, s.AppendFile, s.File} {
		if !plainName.MatchString(name) {
			return fmt.Errorf("%.50q is no name of a file or service of Redis", name)
		}
	}
	if !path.IsAbs(s.Dir) || path.Clean(s.Dir) != s.Dir || s.Dir == "/" || strings.ContainsAny(s.Dir, "\x00\n") || len(s.Dir) > 1000 || len(s.Version) > 100 {
		return fmt.Errorf("%.50q is no folder for the data of Redis", s.Dir)
	}
	return nil
}
