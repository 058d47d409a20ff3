// Package configs is about configs and secrets inside containers: where they stand, how a container that has the right ones is told from
// one that has not, and how they are read back.
package configs

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"path"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/stack"
)

// A config or secret below a mount of its container cannot just be written there: a tmpfs hides what was written before its
// start, and in a volume or a folder of the engine's host it would stay behind. Such a file is mounted by itself, as docker
// compose does, but not from a path of the client's, which a remote engine does not have: it stands in an anonymous volume of
// the container, which goes with it. docs/adr/0019 has the reasons.

// FilesFolder is where that volume is mounted.
const FilesFolder = "/run/.stackctl"

// UpstreamsPath is where a front reads the config that has the upstreams.
func UpstreamsPath(s *stack.Stack, svc types.ServiceConfig) string {
	config, _ := s.Upstreams(svc)
	for _, ref := range svc.Configs {
		if ref.Source == config {
			return ConfigTarget(ref)
		}
	}
	return ""
}

// Stamp identifies a file's content by what the engine tells about a file without copying it: its size, and its time of
// modification, which stackctl sets to the first 31 bits of the content's SHA-256. Asking for these costs the engine 1 ms,
// reading a file back 70 ms (it starts a process for that).
type Stamp struct {
	Size int64
	Time int64 // seconds since 1970
}

// StampOf is the stamp of a file with that content.
func StampOf(content string) Stamp {
	sum := sha256.Sum256([]byte(content))
	return Stamp{Size: int64(len(content)), Time: int64(binary.BigEndian.Uint32(sum[:4]) >> 1)}
}

// Stamp is the stamp of the file's content.
func (f File) Stamp() Stamp {
	sum, err := hex.DecodeString(f.Sum)
	if err != nil || len(sum) != sha256.Size {
		return StampOf(f.Content)
	}
	return Stamp{Size: f.Size, Time: int64(binary.BigEndian.Uint32(sum[:4]) >> 1)}
}

// MarkOf is the file beside a config of a service that reloads: it says which content the program was last told to
// read. Without it, a run that ends between writing and reloading would leave a config that nothing ever reads.
func MarkOf(f File) File {
	if f.Sum == "" {
		sum := sha256.Sum256([]byte(f.Content))
		f.Sum = hex.EncodeToString(sum[:])
	}
	dir, name := path.Split(f.Path)
	f.Path, f.Content, f.Sum, f.Size = dir+"."+name+".loaded", f.Sum+"\n", "", 0
	return f
}

// LookedAt lists the files that tell whether a container has the configs that it should have.
func LookedAt(svc types.ServiceConfig) []string {
	var paths []string
	for _, target := range FileTargets(svc) {
		paths = append(paths, target)
		if stack.ServiceExtensionOf(svc).Reload != "" {
			paths = append(paths, MarkOf(File{Path: target}).Path)
		}
	}
	if leaving := stack.ServiceExtensionOf(svc).Leaving; leaving != "" {
		paths = append(paths, leaving)
	}
	return paths
}

// FileTargets lists where a service's configs and secrets stand.
func FileTargets(svc types.ServiceConfig) []string {
	var targets []string
	for _, c := range svc.Configs {
		targets = append(targets, ConfigTarget(c))
	}
	for _, s := range svc.Secrets {
		targets = append(targets, SecretTarget(s))
	}
	return targets
}

// SecretTarget is where a secret stands in the container: Compose's default is /run/secrets/<name>, and so is the folder of a
// target without one.
func SecretTarget(s types.ServiceSecretConfig) string {
	target := cmp.Or(s.Target, s.Source)
	if !path.IsAbs(target) {
		target = path.Join("/run/secrets", target)
	}
	return target
}

// ConfigTarget is where a config stands in the container: Compose's default is /<name>.
func ConfigTarget(c types.ServiceConfigObjConfig) string {
	if c.Target == "" {
		return "/" + c.Source
	}
	return c.Target
}

// File is a file to be written into a container.
type File struct {
	Path    string
	Content string
	// Sum identifies a content that may not have been read yet, by an SHA-256 in hexadecimal digits, and Size is its length; "" if
	// Content is all there is.
	Sum      string
	Size     int64
	Mode     int64
	UID, GID int
}
