package planner

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
)

// staticFiles lists a replica's configs as the Compose file has them.
func (p *planner) staticFiles(d decision) []configs.File {
	uid, gid := ownerOf(d.service.User)
	var files []configs.File
	for _, ref := range d.service.Configs {
		f := configs.File{Path: configs.ConfigTarget(ref), Content: p.stack.Project.Configs[ref.Source].Content, Mode: 0o444, UID: uid, GID: gid}
		if ref.Mode != nil {
			f.Mode = int64(*ref.Mode)
		}
		if ref.UID != "" {
			f.UID, _ = ownerOf(ref.UID)
		}
		if ref.GID != "" {
			f.GID, _ = ownerOf(ref.GID)
		}
		if d.old != nil && d.old.Upstreams != "" && f.Path == configs.UpstreamsPath(p.stack, d.service) {
			f.Content = stack.CollapseUpstreams(d.old.Upstreams, p.serviceAt(d))
		}
		files = append(files, f)
	}
	for _, ref := range d.service.Secrets {
		f := configs.File{Path: configs.SecretTarget(ref), Content: p.stack.Secrets[ref.Source], Mode: 0o444, UID: uid, GID: gid}
		if hashes := p.stack.Hashes[ref.Source]; len(hashes) > 0 {
			f.Sum, f.Size = hashes[0], p.stack.SecretSize(ref.Source)
		}
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
			if book := p.resources.books[key]; book != nil && book.subnet.Contains(address) {
				return block
			}
		}
		return ""
	}
}

// files lists a replica's configs; the one that has upstreams fits the image's version, and has the replicas' addresses: in the
// end, or at this point of a rolling replacement.
func (p *planner) files(d decision, inTheEnd bool) []configs.File {
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
		return d.revision.Config.Env
	case d.old != nil && !d.replaces() && d.old.ImageID != d.image.ID:
		return nil
	}
	return d.image.Variables
}

// isNew reports whether a service has no replicas yet.
func isNew(replicas []decision) bool {
	return !slices.ContainsFunc(replicas, func(d decision) bool { return d.fate != create })
}

// upstreamAddresses lists, for every service, the addresses of its replicas on a network that it shares with the front. Those
// of a service that is not part of this run stay as they are.
func (p *planner) upstreamAddresses(front decision, inTheEnd bool) map[string][]string {
	addresses := map[string][]string{}
	for name, svc := range p.stack.Project.Services {
		if stack.Replicas(svc) == 0 {
			addresses[name] = nil
		}
	}
	for name, replicas := range p.decisions {
		for _, d := range replicas {
			if d.fate == create && !inTheEnd && !isNew(replicas) {
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
	for name := range p.stack.Project.DisabledServices {
		if _, known := p.decisions[name]; known {
			continue
		}
		replicas := p.observed.Of(name)
		slices.SortFunc(replicas, func(a, b observe.Container) int { return cmp.Compare(a.Number, b.Number) })
		for _, c := range replicas {
			for _, key := range front.networkKeys() {
				if address, book := c.Addresses[front.networkName(key)], p.resources.books[key]; book != nil && book.subnet.Contains(address) {
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
