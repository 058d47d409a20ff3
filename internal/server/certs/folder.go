package certs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
)

// What the folder has: see the package's comment.
const (
	currentLink = "current"
	pairsDir    = "pairs"
	privateDir  = "private"
	rootFile    = "root.pem"

	chainFile = "fullchain.pem"
	keyFile   = "privkey.pem"
	markFile  = "pair.json"
	// emptyDir is what nginx's `root` names. It is empty, so that a location without a handler serves nothing.
	emptyDir = "root"

	// unfinished begins the names of what is being written.
	unfinished = ".new-"
	// lingering is how long a pair stays after it left use: nginx may have resolved the link and not read the files yet, which takes
	// it less than a millisecond, or seconds where the machine stands still.
	lingering = time.Minute
	// maxKept bounds what is read of the folder's files, in bytes.
	maxKept = 256 << 10
)

// Modes. The tier's group is nginx's: it may read pairs, and nothing private.
const (
	sharedDirMode  fs.FileMode = 0o750
	privateDirMode fs.FileMode = 0o700
	publicMode     fs.FileMode = 0o644
	keyMode        fs.FileMode = 0o640
	privateMode    fs.FileMode = 0o600
)

// folder is where the pairs are. One process writes to it: see lock.
type folder struct{ dir string }

// mark is what is remembered of a pair.
type mark struct {
	Issuer string `json:"issuer"` // certificate.Internal and so on
	For    string `json:"for"`    // issuer.id, so that another configuration means another pair
}

func openFolder(dir string) (*folder, error) {
	f := &folder{dir}
	for name, mode := range map[string]fs.FileMode{pairsDir: sharedDirMode, privateDir: privateDirMode} {
		if err := os.MkdirAll(f.path(name), mode); err != nil {
			return nil, fmt.Errorf("opening the folder of the certificate: %w; CERTS_DIR has to be a folder that user %d may write to", err, os.Getuid())
		}
		if err := os.Chmod(f.path(name), mode); err != nil { // regardless of the umask
			return nil, fmt.Errorf("opening the folder of the certificate: %w", err)
		}
	}
	return f, nil
}

func (f *folder) path(elements ...string) string {
	return filepath.Join(append([]string{f.dir}, elements...)...)
}

// current reads the pair in use. It is nil if there is none.
func (f *folder) current() (*certificate.Pair, mark, error) {
	target, err := os.Readlink(f.path(currentLink))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mark{}, nil
	}
	if err != nil {
		return nil, mark{}, fmt.Errorf("reading the pair in use: %w", err)
	}
	var contents [3][]byte
	for i, name := range []string{chainFile, keyFile, markFile} {
		if contents[i], err = readKept(f.path(target, name)); err != nil {
			return nil, mark{}, fmt.Errorf("reading the pair in use: %w", err)
		}
	}
	pair, err := certificate.Parse(certificate.File{Name: f.path(currentLink, chainFile), Content: contents[0]},
		certificate.File{Name: f.path(currentLink, keyFile), Content: contents[1]})
	if err != nil {
		return nil, mark{}, fmt.Errorf("reading the pair in use: %w", err)
	}
	var m mark
	if err := json.Unmarshal(contents[2], &m); err != nil {
		return nil, mark{}, fmt.Errorf("reading the pair in use: %q: %w", f.path(target, markFile), err)
	}
	return pair, m, nil
}

// install takes a pair into use. Its files are complete before the link names them, and never change afterwards, so that whoever
// resolves the link once reads a certificate and a key that belong together. The pair that was in use before stays until prune.
func (f *folder) install(pair *certificate.Pair, m mark) error {
	marked, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("installing the certificate: %w", err)
	}
	chain := pair.ChainPEM()
	target := filepath.Join(pairsDir, idOf(chain, marked))
	before, _ := os.Readlink(f.path(currentLink)) // "" if there is none
	if before == target {
		return nil
	}
	if _, err := os.Stat(f.path(target)); err == nil { // it was in use before
		return f.link(target, before)
	}
	fresh, err := os.MkdirTemp(f.path(pairsDir), unfinished)
	if err != nil {
		return fmt.Errorf("installing the certificate: %w", err)
	}
	defer os.RemoveAll(fresh) // after the rename it is not there
	err = errors.Join(
		writeSynced(filepath.Join(fresh, chainFile), chain, publicMode),
		writeSynced(filepath.Join(fresh, keyFile), pair.KeyPEM(), keyMode),
		writeSynced(filepath.Join(fresh, markFile), marked, publicMode),
		os.Mkdir(filepath.Join(fresh, emptyDir), sharedDirMode),
		os.Chmod(filepath.Join(fresh, emptyDir), sharedDirMode),
		os.Chmod(fresh, sharedDirMode),
		syncDir(fresh),
	)
	if err != nil {
		return fmt.Errorf("installing the certificate: %w", err)
	}
	if err := os.Rename(fresh, f.path(target)); err != nil {
		return fmt.Errorf("installing the certificate: %w", err)
	}
	return f.link(target, before)
}

// link makes target the pair in use.
func (f *folder) link(target, before string) error {
	name := f.path(unfinished + currentLink)
	_ = os.Remove(name) // of an earlier process that was killed
	if err := errors.Join(syncDir(f.path(pairsDir)), os.Symlink(target, name)); err != nil {
		return fmt.Errorf("installing the certificate: %w", err)
	}
	if err := errors.Join(os.Rename(name, f.path(currentLink)), syncDir(f.dir)); err != nil {
		return fmt.Errorf("installing the certificate: %w", err)
	}
	if before != "" {
		now := time.Now()
		_ = os.Chtimes(f.path(before), now, now) // an error means that it is not there
	}
	return nil
}

// prune removes pairs that left use some time before now, and what a process that was killed did not finish.
func (f *folder) prune(now time.Time) {
	current, err := os.Readlink(f.path(currentLink))
	if err != nil {
		return
	}
	entries, _ := os.ReadDir(f.path(pairsDir)) // what is not removed now is removed next time
	for _, entry := range entries {
		path := filepath.Join(pairsDir, entry.Name())
		if info, err := entry.Info(); err == nil && path != current && now.Sub(info.ModTime()) > lingering {
			// Renamed first, so that install finds a pair whole or not at all.
			gone := f.path(pairsDir, unfinished+entry.Name())
			if os.Rename(f.path(path), gone) == nil {
				_ = os.RemoveAll(gone)
			}
		}
	}
}

// idOf names a pair by its content. The key is not in it: the certificate says which one it is.
func idOf(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// write replaces a file of the folder, or adds it.
func (f *folder) write(name string, content []byte, mode fs.FileMode) error {
	dir, base := filepath.Split(f.path(name))
	fresh := filepath.Join(dir, unfinished+base)
	_ = os.Remove(fresh) // of an earlier process that was killed
	if err := errors.Join(writeSynced(fresh, content, mode)); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	if err := errors.Join(os.Rename(fresh, f.path(name)), syncDir(dir)); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}

// read reads a file of the folder; it is nil if there is none.
func (f *folder) read(name string) ([]byte, error) {
	content, err := readKept(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// remove removes a file of the folder, if it is there.
func (f *folder) remove(name string) error {
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *folder) writeStatus(s certificate.Status) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %q: %w", certificate.StatusFile, err)
	}
	return f.write(certificate.StatusFile, append(content, '\n'), publicMode)
}

func readKept(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxKept+1))
	if err == nil && len(content) > maxKept {
		err = fmt.Errorf("reading %q: it has more than %d KiB", path, maxKept>>10)
	}
	return content, err
}

// writeSynced writes a new file that has its mode from the beginning, and is on the disk afterwards.
func writeSynced(path string, content []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateMode)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
}

// syncDir makes renames durable. File systems that cannot do that say so with an error that changes nothing.
func syncDir(dir string) error {
	d, err := os.Open(strings.TrimSuffix(dir, "/"))
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}
