package images

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/hostimage"
	"stackctl.dev/stackctl/internal/stack"
)

// The web image holds stackctl itself, and its shared libraries where it needs some, so that its name can be its content: the same
// binary gives the same name, and a second `up` need not build to know that nothing changed.

// selfRef is the image name for the binary: the service's image name, tagged with the start of its digest.
func selfRef(name string, o Options) (string, error) {
	digest := o.BinaryDigest
	if digest == nil {
		digest = func() (string, error) { return DigestBinary(o.Binary) }
	}
	sum, err := digest()
	if err != nil {
		return "", err
	}
	return repository(name) + ":" + sum[:12], nil
}

// repository is an image's name without its tag.
func repository(name string) string {
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		return name[:i]
	}
	return name
}

// DigestBinary identifies the stackctl at path; "" is the running one. The digest is the SHA-256, in hex, of Go's build ID, which
// the linker makes of all that it puts in; of the whole file where there is none, which takes a tenth of a second for 40 MB.
func DigestBinary(path string) (string, error) {
	path, err := selfPath(path)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading stackctl's own binary: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if id := buildID(f); id != nil {
		sum.Write(id)
	} else if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("reading stackctl's own binary: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// buildID reads Go's build ID out of the note that the linker writes into an ELF file (cmd/internal/buildid); nil where there is none.
func buildID(r io.ReaderAt) []byte {
	file, err := elf.NewFile(r)
	if err != nil {
		return nil
	}
	note := file.Section(".note.go.buildid")
	const header = 16 // three lengths of 4 bytes, and the name, "Go", in 4
	if note == nil || note.Size <= header || note.Size > 4096 {
		return nil
	}
	data, err := note.Data()
	if err != nil || len(data) < header || string(data[12:16]) != "Go\x00\x00" {
		return nil
	}
	return data[header:]
}

func selfPath(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding stackctl's own binary: %w", err)
	}
	return path, nil
}

// buildSelf builds the image of the Dockerfile and the binary, through the Engine API.
func buildSelf(ctx context.Context, e Engine, s *stack.Stack, res Resolution, o Options, sink orchestrate.Sink) (Resolution, error) {
	work := newWork(sink, "build image", res)
	version, err := e.ServerVersion(ctx)
	if err != nil {
		return res, work.failed(fmt.Errorf("asking the engine's architecture: %w", err))
	}
	rootfs, err := rootfsFor(ctx, version.Os, version.Arch, o)
	if err != nil {
		return res, work.failed(err)
	}
	dockerfile, err := fs.ReadFile(s.Context, "Dockerfile")
	if err != nil {
		return res, work.failed(fmt.Errorf("reading the Dockerfile: %w", err))
	}
	content, err := tarOf(map[string][]byte{"Dockerfile": dockerfile, "rootfs.tar": rootfs.Bytes()}, "Dockerfile", "rootfs.tar")
	if err != nil {
		return res, work.failed(err)
	}
	name := repository(res.Ref)
	built, err := work.build(ctx, e, res, content, build.ImageBuildOptions{Tags: []string{res.Ref, name + ":latest"}})
	if err == nil {
		prune(ctx, e, name)
	}
	return built, err
}

// build runs one build and says what came of it.
func (w *work) build(ctx context.Context, e Engine, res Resolution, content io.Reader, options build.ImageBuildOptions) (Resolution, error) {
	options.Remove, options.ForceRemove = true, true
	err := w.follow(ctx, func(ctx context.Context, alive func()) (io.ReadCloser, error) {
		moved := func(n int) {
			w.bytes.Add(int64(n))
			alive()
		}
		response, err := e.ImageBuild(ctx, upload{content, moved}, options)
		return response.Body, err
	})
	if err != nil {
		return res, w.failed(fmt.Errorf("building image %q: %w", res.Ref, err))
	}
	info, err := e.ImageInspect(ctx, res.Ref)
	if err != nil {
		return res, w.failed(fmt.Errorf("inspecting image %q: %w", res.Ref, err))
	}
	res.is(info)
	w.done("")
	return res, nil
}

// tarOf makes a tar that depends on nothing but the contents: no times, no owners.
func tarOf(files map[string][]byte, order ...string) (*bytes.Buffer, error) {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	for _, name := range order {
		header := &tar.Header{Name: name, Mode: 0o755, Size: int64(len(files[name])), Typeflag: tar.TypeReg}
		if err := tw.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := tw.Write(files[name]); err != nil {
			return nil, err
		}
	}
	return &archive, tw.Close()
}

// rootfsFor makes a root filesystem, as a tar, of a stackctl that runs on the engine's platform: the running one; one that a release ships beside it, as
// stackctl-<os>-<architecture>; or one built from the source in the current folder.
func rootfsFor(ctx context.Context, engineOS, engineArch string, o Options) (*bytes.Buffer, error) {
	path, err := selfPath(o.Binary)
	if err != nil {
		return nil, err
	}
	if o.Binary != "" || (runtime.GOOS == engineOS && runtime.GOARCH == engineArch) {
		return rootfsOf(path)
	}
	beside := filepath.Join(filepath.Dir(path), fmt.Sprintf("stackctl-%s-%s", engineOS, engineArch))
	if _, err := os.Stat(beside); err == nil {
		return rootfsOf(beside)
	}
	built, err := buildRootfs(ctx, engineOS, engineArch)
	if err != nil {
		return nil, fmt.Errorf("finding a stackctl for the engine's platform %s/%s: this one is for %s/%s; put %s there, or run from the source with Go installed (%w)",
			engineOS, engineArch, runtime.GOOS, runtime.GOARCH, beside, err)
	}
	return built, nil
}

func buildRootfs(ctx context.Context, engineOS, engineArch string) (*bytes.Buffer, error) {
	dir, err := os.MkdirTemp("", "stackctl-build")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "stackctl")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "stackctl.dev/stackctl/cmd/stackctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+engineOS, "GOARCH="+engineArch)
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, bytes.TrimSpace(output))
	}
	return rootfsOf(out)
}

// rootfsOf puts a binary into a root filesystem, with its shared libraries where it was built with cgo, as `go build` and `go install`
// do where there is a C compiler.
func rootfsOf(path string) (*bytes.Buffer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading stackctl's own binary: %w", err)
	}
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("reading %q as a Linux program: %w", path, err)
	}
	if !slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return tarOf(map[string][]byte{"stackctl": data}, "stackctl")
	}
	rootfs, err := hostimage.Binary(path, "/stackctl")
	if err != nil {
		return nil, fmt.Errorf("finding the shared libraries of %q: %w; build it with CGO_ENABLED=0, as `make build` does", path, err)
	}
	var tarred bytes.Buffer
	_, err = rootfs.WriteTo(&tarred)
	return &tarred, err
}

// keptImages is how many builds of the web image stay: the newest, and some to go back to.
const keptImages = 5

// prune removes older builds of an image. The engine refuses to remove one that a container uses, and that is right.
func prune(ctx context.Context, e Engine, name string) {
	list, err := e.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", name))})
	if err != nil {
		return
	}
	slices.SortFunc(list, func(a, b image.Summary) int { return cmp.Compare(b.Created, a.Created) })
	for _, old := range list[min(keptImages, len(list)):] {
		for _, tag := range old.RepoTags {
			_, _ = e.ImageRemove(ctx, tag, image.RemoveOptions{})
		}
	}
}
