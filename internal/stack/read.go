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

// The most bytes that are read of a file, by kind (docs/compose-extension.md). What a Compose file names is not trusted: /dev/zero has
// no end, and a named pipe never begins.
const (
	composeLimit = 16 << 20 // a Compose file, one that it includes or extends, an env file, a file of labels
	configLimit  = 64 << 20 // a config or secret: it is kept in memory
)

// IgnoreLimit is the most bytes of a .dockerignore.
const IgnoreLimit = 1 << 20

// ReadFile reads a regular file of at most limit bytes, or a pipe of the shell's. It returns when ctx ends, also while the file system
// does not answer.
func ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	return within(ctx, func() ([]byte, error) {
		info, err := check(path, limit)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		read := func() ([]byte, error) { return readAll(path, limit) }
		if err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
			read = pipes.once(info, read)
		}
		return read()
	})
}

func readAll(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have become a pipe meanwhile
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

// pipes remembers what pipes had: a command may read its Compose file several times, and a pipe has its content only once.
var pipes memory

type memory struct {
	mu    sync.Mutex
	known []remembered
}

type remembered struct {
	info fs.FileInfo
	read func() ([]byte, error)
}

// once returns the read of that pipe which came first.
func (m *memory) once(pipe fs.FileInfo, read func() ([]byte, error)) func() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.known {
		if os.SameFile(k.info, pipe) {
			return k.read
		}
	}
	read = sync.OnceValues(read)
	m.known = append(m.known, remembered{pipe, read})
	return read
}

// within runs what cannot be interrupted, and leaves it to itself when ctx ends: the process is about to end, too.
func within[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ended := make(chan result, 1)
	go func() {
		value, err := read()
		ended <- result{value, err}
	}()
	select {
	case r := <-ended:
		return r.value, r.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}

// CheckFile refuses what is no regular file, or has more than limit bytes. What the shell has put there for the command line, as
// `<(command)` and `command |` do, may be a pipe.
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
		return nil, fmt.Errorf("reading %q: it is no regular file", path)
	case info.Size() > limit:
		return nil, tooLarge(path, limit)
	}
	return info, nil
}

// inherited are the names of the files that this process was started with.
var inherited = regexp.MustCompile(`^(/dev/stdin|/(dev|proc/self)/fd/[0-9]+)$`)

func tooLarge(path string, limit int64) error {
	return fmt.Errorf("reading %q: it has more than %d MiB, the most that is read of such a file", path, limit>>20)
}

// guard looks at the files that compose-go reads by itself, those of `include` and `extends`, before it does. As a ResourceLoader it
// accepts only what must not be read, and says why.
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
			g.bases = append(g.bases, filepath.Dir(file)) // what it names may be relative to it
		}
	}
	return nil
}

// maxBases bounds the folders that a guard knows.
const maxBases = 64

// checkEnvFiles looks at the services' env files and files of labels before compose-go reads them.
func checkEnvFiles(files []types.ConfigFile, services types.Services) error {
	for name, svc := range services {
		for _, env := range svc.EnvFiles {
			if err := CheckFile(env.Path, composeLimit); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return located(files, "services."+name+".env_file", err)
			}
		}
		for _, labels := range svc.LabelFiles {
			if err := CheckFile(labels, composeLimit); err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// checkIncludes looks at the env files of a Compose file's `include`, which compose-go reads at once: those that it names, or a `.env`.
func checkIncludes(content []byte, dir string, env types.Mapping) error {
	if !bytes.Contains(content, []byte("include")) {
		return nil // parsing takes longer than all else here
	}
	var file struct {
		Include []yaml.Node `yaml:"include"`
	}
	if yaml.Unmarshal(content, &file) != nil {
		return nil // compose-go says what is wrong
	}
	for _, node := range file.Include {
		entry := included{Path: node}
		if node.Kind == yaml.MappingNode && node.Decode(&entry) != nil {
			continue
		}
		for _, name := range entry.envFiles(dir, env) {
			if err := CheckFile(name, composeLimit); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// envFiles are the env files that compose-go reads for the entry of a file in dir.
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

// oneOrMore are the values of a key that takes one or several.
func oneOrMore(node yaml.Node) []string {
	var one string
	var several []string
	if node.Decode(&one) == nil && one != "" {
		return []string{one}
	}
	_ = node.Decode(&several) // compose-go says what is wrong
	return several
}
