package orchestrate

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/stack"
)

// staticFiles lists a replica's configs as the Compose file has them.
func (p *planner) staticFiles(d decision) []File {
	uid, gid := ownerOf(d.service.User)
	var files []File
	for _, ref := range d.service.Configs {
		f := File{Path: configTarget(ref), Content: p.stack.Project.Configs[ref.Source].Content, Mode: 0o444, UID: uid, GID: gid}
		if ref.Mode != nil {
			f.Mode = int64(*ref.Mode)
		}
		if ref.UID != "" {
			f.UID, _ = ownerOf(ref.UID)
		}
		if ref.GID != "" {
			f.GID, _ = ownerOf(ref.GID)
		}
		files = append(files, f)
	}
	return files
}

// files lists a replica's configs, with the replicas' addresses in the one that has upstreams.
func (p *planner) files(d decision) []File {
	files := p.staticFiles(d)
	upstreams, ok := p.stack.Upstreams(d.service)
	if !ok {
		return files
	}
	for i, ref := range d.service.Configs {
		if ref.Source == upstreams {
			files[i].Content = stack.RenderUpstreams(files[i].Content, p.upstreamAddresses(d))
		}
	}
	return files
}

// upstreamAddresses lists, for every service, the addresses of its replicas on a network that it shares with the front.
func (p *planner) upstreamAddresses(front decision) map[string][]string {
	addresses := map[string][]string{}
	for name, replicas := range p.decisions {
		for _, d := range replicas {
			for _, key := range front.networkKeys() {
				if address, ok := d.addresses[key]; ok {
					addresses[name] = append(addresses[name], address.String())
					break
				}
			}
		}
	}
	return addresses
}

// ownerOf reads "uid:gid"; names, which only the image can resolve, count as root.
func ownerOf(user string) (uid, gid int) {
	first, second, _ := strings.Cut(user, ":")
	uid, err := strconv.Atoi(first)
	if err != nil {
		uid = 0
	}
	gid, err = strconv.Atoi(second)
	if err != nil {
		gid = 0
	}
	return uid, gid
}

// maxConfigSize bounds what is read back of one config.
const maxConfigSize = 1 << 20

// ReadFiles reads the configs that the project's containers hold into the snapshot, so that a plan can tell whether they
// are what they should be.
func (o *Observed) ReadFiles(ctx context.Context, r Reader, s *stack.Stack) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range o.Containers {
		c := &o.Containers[i]
		svc, ok := s.Project.Services[c.Service]
		if !ok || c.OneOff || !c.Running() {
			continue
		}
		group.Go(func() error {
			for _, ref := range svc.Configs {
				content, err := readFile(ctx, r, c.ID, configTarget(ref))
				if err != nil {
					return fmt.Errorf("reading %q of container %q: %w", configTarget(ref), c.Name, err)
				}
				c.Files[configTarget(ref)] = content
			}
			return nil
		})
	}
	return group.Wait()
}

// readFile returns "" for a file that is not there: it then differs from whatever it should be.
func readFile(ctx context.Context, r Reader, id, name string) (string, error) {
	archive, _, err := r.CopyFromContainer(ctx, id, name)
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer archive.Close()
	tr := tar.NewReader(archive)
	if _, err := tr.Next(); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	content, err := io.ReadAll(io.LimitReader(tr, maxConfigSize))
	return string(content), err
}
