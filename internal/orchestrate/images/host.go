package images

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/build"

	"stackctl.dev/stackctl/internal/orchestrate/hostimage"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/stack"
)

// hostRepository is the prefix of the names of images made from the host's programs.
const hostRepository = "stackctl-host/"

// hostDockerfile unpacks the root filesystem: unlike COPY, ADD keeps the owners in the tar. As in the official images, a variable such as
// NGINX_VERSION has the version.
const hostDockerfile = `FROM scratch
ADD rootfs.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV %s_VERSION=%s
ENTRYPOINT %s
`

// makeFromHost makes the service's image from this host's programs, as `x-stackctl.host` describes it.
func makeFromHost(ctx context.Context, e Engine, svc types.ServiceConfig, res Resolution, o Options, sink report.Sink) (Resolution, error) {
	host := stack.ServiceExtensionOf(svc).Host
	if host == nil {
		return res, fmt.Errorf("making an image for service %q from this host's programs: it has no x-stackctl.host", svc.Name)
	}
	spec, err := hostSpec(svc, host)
	if err != nil {
		return res, err
	}
	rootfs, err := hostimage.Find(spec, o.HostRoots)
	if err != nil {
		return res, err
	}
	program := host.Programs[0]
	version := rootfs.Version(program)
	res.Ref = fmt.Sprintf("%s%s:%s", hostRepository, svc.Name, version)
	res.Origin = OriginHost
	work := newWork(sink, "build image", res)
	content, err := hostContext(rootfs, program, version, host.Entrypoint)
	if err != nil {
		return res, work.failed(err)
	}
	return work.build(ctx, e, res, content, build.ImageBuildOptions{
		Tags: []string{res.Ref}, Labels: map[string]string{label.HostFor: res.Wanted},
	})
}

// HostPrograms returns an error if the service's image cannot be made from this host's programs.
func HostPrograms(svc types.ServiceConfig, o Options) error {
	host := stack.ServiceExtensionOf(svc).Host
	if host == nil {
		return errors.New("it has no x-stackctl.host")
	}
	spec, err := hostSpec(svc, host)
	if err != nil {
		return err
	}
	_, err = hostimage.Find(spec, o.HostRoots)
	return err
}

func hostSpec(svc types.ServiceConfig, host *stack.HostImage) (hostimage.Spec, error) {
	spec := hostimage.Spec{Programs: host.Programs, Files: host.Files}
	if uid, gid, err := numericOwner(svc.User); err == nil {
		spec.Users = append(spec.Users, hostimage.User{Name: svc.Name, UID: uid, GID: gid})
	}
	for _, d := range host.Directories {
		uid, gid, err := numericOwner(d.Owner)
		if err != nil {
			return spec, fmt.Errorf("reading owner %q of directory %q: write uid:gid", d.Owner, d.Path)
		}
		mode, err := strconv.ParseUint(d.Mode, 8, 12)
		if err != nil {
			return spec, fmt.Errorf("reading mode %q of directory %q: write it in octal, such as \"0755\"", d.Mode, d.Path)
		}
		spec.Dirs = append(spec.Dirs, hostimage.Dir{Path: d.Path, UID: uid, GID: gid, Mode: fs.FileMode(mode)})
	}
	return spec, nil
}

func numericOwner(text string) (uid, gid int, err error) {
	first, second, _ := strings.Cut(text, ":")
	if uid, err = strconv.Atoi(first); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(second)
	return uid, gid, err
}

// hostContext keeps the context in memory: an image is about 20 MB, and a tar needs its size first.
func hostContext(rootfs *hostimage.Rootfs, program, version string, entrypoint []string) (io.Reader, error) {
	var inner bytes.Buffer
	if _, err := rootfs.WriteTo(&inner); err != nil {
		return nil, err
	}
	words, err := json.Marshal(append([]string{}, entrypoint...))
	if err != nil {
		return nil, err
	}
	dockerfile := fmt.Appendf(nil, hostDockerfile, strings.ToUpper(strings.ReplaceAll(program, "-", "_")), version, words)
	return tarOf(map[string][]byte{"Dockerfile": dockerfile, "rootfs.tar": inner.Bytes()}, "Dockerfile", "rootfs.tar")
}
