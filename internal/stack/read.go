package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// How many bytes of a file are read at most, by kind (docs/compose-extension.md). The files that a Compose file names are not
// trusted: /dev/zero has no end, and opening a named pipe may never return.
const (
	composeLimit = 16 << 20 // a Compose file, one that it includes or extends, an env file, a label file
	configLimit  = 64 << 20 // a config or secret: it is kept in memory
)

// IgnoreLimit is the largest size of a .dockerignore, in bytes.
const IgnoreLimit = 1 << 20

// ReadFile reads a regular file of at most limit bytes, or a pipe that the shell made. It returns when ctx ends, even if the file
// system does not respond.
func ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	return within(ctx, func() ([]byte, error) {
		info, err := check(path, limit)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		read := func() ([]byte, error) { return readAll(path, limit) }
		if err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
			read = pipes.readOnce(info, read)
		}
		return read()
	})
}

func readAll(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have been replaced by a pipe since it was checked
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = tooLarge(path, limit)
	}
	return content, err
}

// pipes keeps the content of pipes: a command may read its Compose file several times, but a pipe can be read only once.
var pipes pipeCache

type pipeCache struct {
	mu   sync.Mutex
	seen []cachedPipe
}

type cachedPipe struct {
	info fs.FileInfo
	read func() ([]byte, error)
}

// readOnce returns the first read function that was given for the pipe; it keeps the content.
func (c *pipeCache) readOnce(pipe fs.FileInfo, read func() ([]byte, error)) func() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cached := range c.seen {
		if os.SameFile(cached.info, pipe) {
			return cached.read
		}
	}
	read = sync.OnceValues(read)
	c.seen = append(c.seen, cachedPipe{pipe, read})
	return read
}

// within runs a read that cannot be interrupted, and abandons it when ctx ends, which is when the process is about to exit.
func within[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}

// CheckFile returns an error unless path is a regular file of at most limit bytes, or a pipe that the shell made for the command
// line, as `<(command)` and `command |` do.
func CheckFile(path string, limit int64) error {
	_, err := check(path, limit)
	return err
}

func check(path string, limit int64) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case path == os.DevNull, info.Mode()&fs.ModeNamedPipe != 0 && inherited.MatchString(path):
		return info, nil
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("reading %q: it is not a regular file", path)
	case info.Size() > limit:
		return nil, tooLarge(path, limit)
	}
	return info, nil
}

// inherited matches the names of the files that this process was started with.
var inherited = regexp.MustCompile(`^(/dev/stdin|/(dev|proc/self)/fd/[0-9]+)$`)

func tooLarge(path string, limit int64) error {
	return fmt.Errorf("reading %q: it is larger than %d MiB, the limit for such a file", path, limit>>20)
}

// guard checks the files of `include` and `extends` before compose-go reads them. As a ResourceLoader it accepts only the files that
// must not be read, and its Load returns why.
type guard struct {
	bases []string // folders that a path may be relative to
	env   types.Mapping
}

var _ loader.ResourceLoader = (*guard)(nil)

func (g *guard) Accept(path string) bool { return g.check(path) != nil }

func (g *guard) Load(_ context.Context, path string) (string, error) { return "", g.check(path) }

func (g *guard) Dir(path string) string { return filepath.Dir(path) }

func (g *guard) check(path string) error {
	for _, base := range g.bases {
		file := path
		if !filepath.IsAbs(path) {
			file = filepath.Join(base, path)
		}
		info, err := check(file, composeLimit)
		if err != nil && isFolder(file) {
			continue // the project directory of an include
		}
		if err == nil && info.Mode().IsRegular() {
			var content []byte
			if content, err = readAll(file, composeLimit); err == nil {
				err = checkIncludes(content, filepath.Dir(file), g.env)
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && filepath.Dir(file) != base && len(g.bases) < maxBases {
			g.bases = append(g.bases, filepath.Dir(file)) // paths in the file may be relative to its folder
		}
	}
	return nil
}

// maxBases bounds the folders of a guard.
const maxBases = 64

// checkIfExists is CheckFile for a file that may be missing.
func checkIfExists(path string) error {
	if err := CheckFile(path, composeLimit); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// checkEnvFiles checks the services' env files and label files before compose-go reads them.
func checkEnvFiles(files []types.ConfigFile, services types.Services) error {
	for name, svc := range services {
		for _, env := range svc.EnvFiles {
			if err := checkIfExists(env.Path); err != nil {
				return located(files, "services."+name+".env_file", err)
			}
		}
		for _, labels := range svc.LabelFiles {
			if err := checkIfExists(labels); err != nil {
				return located(files, "services."+name+".label_file", err)
			}
		}
	}
	return nil
}

// included is an entry of `include`.
type included struct {
	Path             yaml.Node `yaml:"path"`
	EnvFile          yaml.Node `yaml:"env_file"`
	ProjectDirectory string    `yaml:"project_directory"`
}

// checkIncludes checks the env files of a Compose file's `include` before compose-go reads them: those that it names, or a `.env`.
func checkIncludes(content []byte, dir string, env types.Mapping) error {
	if !bytes.Contains(content, []byte("include")) {
		return nil // most files have no include, and parsing is slow
	}
	var file struct {
		Include []yaml.Node `yaml:"include"`
	}
	if yaml.Unmarshal(content, &file) != nil {
		return nil // compose-go returns the error
	}
	for _, node := range file.Include {
		entry := included{Path: node}
		if node.Kind == yaml.MappingNode && node.Decode(&entry) != nil {
			continue
		}
		for _, name := range entry.envFiles(dir, env) {
			if err := checkIfExists(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// envFiles returns the env files that compose-go reads for an entry of a Compose file in dir.
func (i included) envFiles(dir string, env types.Mapping) []string {
	resolve := func(name string) string {
		if resolved, err := template.Substitute(name, env.Resolve); err == nil {
			name = resolved
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return name
	}
	var names []string
	for _, name := range oneOrMore(i.EnvFile) {
		names = append(names, resolve(name))
	}
	if paths := oneOrMore(i.Path); len(names) == 0 && len(paths) > 0 {
		folder := filepath.Dir(resolve(paths[0]))
		if i.ProjectDirectory != "" {
			folder = resolve(i.ProjectDirectory)
		}
		if standard := filepath.Join(folder, defaultEnvFile); !isFolder(standard) {
			names = []string{standard}
		}
	}
	return names
}

// oneOrMore returns the values of a key that takes a string or a list of strings.
func oneOrMore(node yaml.Node) []string {
	var one string
	var several []string
	if node.Decode(&one) == nil && one != "" {
		return []string{one}
	}
	_ = node.Decode(&several) // compose-go returns the error
	return several
}
