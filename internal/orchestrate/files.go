package orchestrate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
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

// stamp identifies a file's content by what the engine tells about a file without copying it: its size, and its time of
// modification, which stackctl sets to the first 31 bits of the content's SHA-256. Asking for these costs the engine 1 ms,
// reading a file back 70 ms (it starts a process for that).
type stamp struct {
	Size int64
	Time int64 // seconds since 1970
}

func stampOf(content string) stamp {
	sum := sha256.Sum256([]byte(content))
	return stamp{Size: int64(len(content)), Time: int64(binary.BigEndian.Uint32(sum[:4]) >> 1)}
}

// StatFiles looks at the configs in the project's running containers, so that a plan can tell whether they are what they
// should be.
func (o *Observed) StatFiles(ctx context.Context, r Reader, s *stack.Stack) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallel)
	for i := range o.Containers {
		c := &o.Containers[i]
		svc, ok := s.Project.Services[c.Service]
		if !ok || c.OneOff || !c.Running() {
			continue
		}
		group.Go(func() error {
			for _, ref := range svc.Configs {
				path := configTarget(ref)
				info, err := r.ContainerStatPath(ctx, c.ID, path)
				if err != nil && !errdefs.IsNotFound(err) {
					return fmt.Errorf("looking at %q in container %q: %w", path, c.Name, err)
				}
				c.Files[path] = stamp{Size: info.Size, Time: info.Mtime.Unix()} // one that is not there differs from any
			}
			return nil
		})
	}
	return group.Wait()
}
