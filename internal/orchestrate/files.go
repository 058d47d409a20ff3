package orchestrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
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
		if d.old != nil && d.old.Upstreams != "" && f.Path == upstreamsPath(p.stack, d.service) {
			f.Content = stack.CollapseUpstreams(d.old.Upstreams, p.serviceAt(d))
		}
		files = append(files, f)
	}
	for _, ref := range d.service.Secrets {
		f := File{Path: secretTarget(ref), Content: p.stack.Secrets[ref.Source], Mode: 0o444, UID: uid, GID: gid}
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

// serviceAt tells whose replica is at an address of the front's networks. One that nobody has any more, but that replicas
// get, was a replica of the service that the block is named after.
func (p *planner) serviceAt(front decision) func(address, block string) string {
	services := map[string]string{}
	for _, c := range p.observed.Containers {
		if !p.isWanted(c.Service) {
			continue // not part of this run
		}
		for _, key := range front.networkKeys() {
			if address := c.Addresses[front.networkName(key)]; address.IsValid() {
				services[address.String()] = c.Service
			}
		}
	}
	return func(text, block string) string {
		address, err := netip.ParseAddr(text)
		if err != nil || services[text] != "" || !p.isWanted(block) {
			return services[text]
		}
		for _, key := range front.networkKeys() {
			if book := p.books[key]; book != nil && book.subnet.Contains(address) {
				return block
			}
		}
		return ""
	}
}

// upstreamsPath is where a front reads the config that has the upstreams.
func upstreamsPath(s *stack.Stack, svc types.ServiceConfig) string {
	config, _ := s.Upstreams(svc)
	for _, ref := range svc.Configs {
		if ref.Source == config {
			return configTarget(ref)
		}
	}
	return ""
}

// files lists a replica's configs; the one that has upstreams fits the image's version, and has the replicas' addresses: in the
// end, or at this point of a rolling replacement.
func (p *planner) files(d decision, inTheEnd bool) []File {
	files := p.staticFiles(d)
	upstreams, ok := p.stack.Upstreams(d.service)
	if !ok {
		return files
	}
	for i, ref := range d.service.Configs {
		if ref.Source == upstreams {
			files[i].Content = stack.RenderUpstreams(stack.RenderVersions(files[i].Content, d.variables()), p.upstreamAddresses(d, inTheEnd))
		}
	}
	return files
}

// variables are those that the image of the replica's container sets; none where it is kept and has another image.
func (d decision) variables() []string {
	switch {
	case d.revision != nil:
		return d.revision.config.Env
	case d.old != nil && !d.replaces() && d.old.ImageID != d.image.ID:
		return nil
	}
	return d.image.Variables
}

// upstreamAddresses lists, for every service, the addresses of its replicas on a network that it shares with the front.
func (p *planner) upstreamAddresses(front decision, inTheEnd bool) map[string][]string {
	addresses := map[string][]string{}
	for name, svc := range p.stack.Project.Services {
		if stack.Replicas(svc) == 0 {
			addresses[name] = nil
		}
	}
	for name, replicas := range p.decisions {
		for _, d := range replicas {
			if d.fate == create && !inTheEnd {
				continue
			}
			for _, key := range front.networkKeys() {
				address, ok := d.addresses[key]
				if d.fate == rolling && !d.serves && ok {
					address = d.old.Addresses[d.networkName(key)]
				}
				if ok {
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

// markOf is the file beside a config of a service that reloads: it says which content the program was last told to
// read. Without it, a run that ends between writing and reloading would leave a config that nothing ever reads.
func markOf(f File) File {
	sum := sha256.Sum256([]byte(f.Content))
	dir, name := path.Split(f.Path)
	f.Path, f.Content = dir+"."+name+".loaded", hex.EncodeToString(sum[:])+"\n"
	return f
}

// lookedAt lists the files that tell whether a container has the configs that it should have.
func lookedAt(svc types.ServiceConfig) []string {
	var paths []string
	for _, target := range fileTargets(svc) {
		paths = append(paths, target)
		if stack.ServiceExtensionOf(svc).Reload != "" {
			paths = append(paths, markOf(File{Path: target}).Path)
		}
	}
	if leaving := stack.ServiceExtensionOf(svc).Leaving; leaving != "" {
		paths = append(paths, leaving)
	}
	return paths
}

// StatFiles looks at the configs in the project's running containers, so that a plan can tell whether they are what they
// should be.
func (o *Observed) StatFiles(ctx context.Context, r Reader, s *stack.Stack) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallel)
	for i := range o.Containers {
		c := &o.Containers[i]
		svc, ok := s.Project.Services[c.Service]
		standing := s.Project.DisabledServices[c.Service]
		_, isFront := s.Upstreams(standing)
		if isFront = isFront && !ok; isFront {
			svc = standing
		}
		// Those of one that does not run are written before its start, except where they are mounted.
		if !ok && !isFront || c.OneOff || !c.alive() && !c.mountsFiles {
			continue
		}
		group.Go(func() error {
			if isFront { // it keeps the config that it has, whatever the Compose file says by now
				var err error
				if c.Upstreams, err = readFile(ctx, r, c.ID, upstreamsPath(s, svc)); err != nil && !errdefs.IsNotFound(err) {
					return fmt.Errorf("reading %q in container %q: %w", upstreamsPath(s, svc), c.Name, err)
				}
			}
			for _, name := range lookedAt(svc) {
				info, err := r.ContainerStatPath(ctx, c.ID, name)
				if err != nil && !errdefs.IsNotFound(err) {
					return fmt.Errorf("looking at %q in container %q: %w", name, c.Name, err)
				}
				c.Files[name] = stamp{Size: info.Size, Time: info.Mtime.Unix()} // one that is not there differs from any
			}
			return nil
		})
	}
	return group.Wait()
}

// fileTargets lists where a service's configs and secrets stand.
func fileTargets(svc types.ServiceConfig) []string {
	var targets []string
	for _, c := range svc.Configs {
		targets = append(targets, configTarget(c))
	}
	for _, s := range svc.Secrets {
		targets = append(targets, secretTarget(s))
	}
	return targets
}

// secretTarget is where a secret stands in the container: Compose's default is /run/secrets/<name>, and so is the folder of a
// target without one.
func secretTarget(s types.ServiceSecretConfig) string {
	target := cmp.Or(s.Target, s.Source)
	if !path.IsAbs(target) {
		target = path.Join("/run/secrets", target)
	}
	return target
}

// configTarget is where a config stands in the container: Compose's default is /<name>.
func configTarget(c types.ServiceConfigObjConfig) string {
	if c.Target == "" {
		return "/" + c.Source
	}
	return c.Target
}
