package images

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/go-archive"

	"stackctl.dev/stackctl/internal/stack"
)

// dockerfileLimit is the largest size of a Dockerfile outside of its build context, in bytes: it is kept in memory.
const dockerfileLimit = 16 << 20

// dockerfile is the Dockerfile of a build.
type dockerfile struct {
	name    string // in the context, with slashes
	content []byte // nil if it is part of the context
}

// findDockerfile reads a Dockerfile that is inline in the Compose file or outside of the build context, as `docker build -f` allows: it
// is added to the context under a unique name.
func findDockerfile(ctx context.Context, section *types.BuildConfig) (dockerfile, error) {
	if section.DockerfileInline != "" {
		return addedDockerfile([]byte(section.DockerfileInline)), nil
	}
	path := section.Dockerfile
	if path == "" {
		path = "Dockerfile"
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(section.Context, path)
	}
	inside, err := filepath.Rel(section.Context, path)
	if err == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		return dockerfile{name: filepath.ToSlash(inside)}, stack.CheckFile(path, math.MaxInt64)
	}
	content, err := stack.ReadFile(ctx, path, dockerfileLimit)
	return addedDockerfile(content), err
}

func addedDockerfile(content []byte) dockerfile {
	sum := sha256.Sum256(content)
	return dockerfile{name: ".dockerfile." + hex.EncodeToString(sum[:10]), content: content}
}

// addTo adds the Dockerfile to a context that does not have it, and hides it from COPY.
func (d dockerfile) addTo(tarred io.ReadCloser) io.ReadCloser {
	if d.content == nil {
		return tarred
	}
	file := func(header *tar.Header, content []byte) (*tar.Header, []byte, error) {
		if header == nil {
			header = &tar.Header{Typeflag: tar.TypeReg, Mode: 0o600, ModTime: time.Unix(0, 0)}
		}
		return header, content, nil
	}
	return archive.ReplaceFileTarWrapper(tarred, map[string]archive.TarModifierFunc{
		d.name: func(_ string, header *tar.Header, _ io.Reader) (*tar.Header, []byte, error) {
			return file(header, d.content)
		},
		".dockerignore": func(_ string, header *tar.Header, old io.Reader) (*tar.Header, []byte, error) {
			lines := []byte(".dockerignore") // if there was none, the new one must not get into the image
			if old != nil {
				var err error
				if lines, err = io.ReadAll(io.LimitReader(old, stack.IgnoreLimit)); err != nil {
					return nil, nil, err
				}
			}
			return file(header, fmt.Appendf(lines, "\n%s\n", d.name))
		},
	})
}
