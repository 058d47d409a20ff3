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

	"stackctl.dev/stackctl/internal/orchestrate/hostimage"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/stack"
)

// The web image contains stackctl itself, and its shared libraries if it needs some. Its tag identifies the binary, so that a second `up`
// knows without a build that nothing has changed.

// selfRef returns the image name for the binary: the service's image name, tagged with the beginning of the binary's digest.
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

// repository returns an image's name without its tag.
func repository(name string) string {
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		return name[:i]
	}
	return name
}

// DigestBinary identifies the stackctl at path; "" is the running one. The digest is the SHA-256, in hex, of Go's build ID, which
// depends on everything that the linker writes, or of the whole file if it has none, which takes 0.1 s for 40 MB.
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

// buildID returns Go's build ID from the note that the linker writes into an ELF file (cmd/internal/buildid), or nil.
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

// buildSelf builds the image from the Dockerfile and the binary, through the Engine API.
func buildSelf(ctx context.Context, e Engine, s *stack.Stack, res Resolution, o Options, sink report.Sink) (Resolution, error) {
	work := newWork(sink, "build image", res)
	version, err := e.ServerVersion(ctx)
	if err != nil {
		return res, work.failed(fmt.Errorf("reading the engine's architecture: %w", err))
	}
	rootfs, err := rootfsFor(ctx, version.Os, version.Arch, o)
	if err == nil {
		rootfs, err = withCertsFolder(rootfs)
	}
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
		prune(ctx, e, res.Ref)
	}
	return built, err
}

// build runs a build and reports it as events.
func (w *work) build(ctx context.Context, e Engine, res Resolution, content io.Reader, options build.ImageBuildOptions) (Resolution, error) {
	options.Remove, options.ForceRemove = true, true
	err := w.follow(ctx, func(ctx context.Context, progressed func()) (io.ReadCloser, error) {
		response, err := e.ImageBuild(ctx, w.upload(content, progressed), options)
		return response.Body, err
	})
	if err != nil {
		return res, w.failed(fmt.Errorf("building image %q: %w", res.Ref, err))
	}
	info, err := e.ImageInspect(ctx, res.Ref)
	if err != nil {
		return res, w.failed(fmt.Errorf("inspecting image %q: %w", res.Ref, err))
	}
	res.fill(info)
	w.done()
	return res, nil
}

// tarOf returns a tar that depends only on the contents: without times and owners.
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

// rootfsFor returns a root filesystem, as a tar, with a stackctl for the engine's platform: the running one, or one beside it called
// stackctl-<os>-<architecture>, as in a release, or one built from the source in the current folder.
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

// rootfsOf returns a root filesystem with a binary, and its shared libraries if it was built with cgo, as `go build` and `go install`
// do if there is a C compiler.
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

// withCertsFolder adds the folder on which the certs tier has its volume. The engine gives a new volume the owner and mode of the folder
// in the image: the tier's user, and the group of nginx, which reads there.
func withCertsFolder(rootfs *bytes.Buffer) (*bytes.Buffer, error) {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	if err := tw.WriteHeader(&tar.Header{Name: "certs/", Typeflag: tar.TypeDir, Mode: 0o750, Uid: 65532, Gid: 101}); err != nil {
		return nil, err
	}
	if err := tw.Flush(); err != nil {
		return nil, err
	}
	_, err := archive.Write(rootfs.Bytes())
	return &archive, err
}

// keptImages is how many builds of the web image are kept: the newest, and some for rollbacks.
const keptImages = 5

// prune removes the oldest builds, but not ref, which may be old itself if it came from the cache, and not other names that the user gave
// a build. The engine refuses to remove an image that a container uses.
func prune(ctx context.Context, e Engine, ref string) {
	name := repository(ref)
	list, err := e.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", name))})
	if err != nil {
		return
	}
	slices.SortFunc(list, func(a, b image.Summary) int { return cmp.Compare(b.Created, a.Created) })
	for _, old := range list[min(keptImages, len(list)):] {
		for _, tag := range old.RepoTags {
			if repository(tag) != name || tag == ref {
				continue
			}
			_, _ = e.ImageRemove(ctx, tag, image.RemoveOptions{})
		}
	}
}
