package planner

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
)

// decision is what becomes of one replica.
type decision struct {
	replica
	old   *observe.Container // nil when there is none
	fate  fate
	cause string
	// serves says that a rolling replacement is the one to which the front leads, at this point of the plan.
	serves bool
}

type fate int

const (
	keep fate = iota
	create
	replace // the new one is made, and then the old one stopped: the two cannot run side by side
	rolling // replace, but the old one runs until the new one serves
	start
	unpause
)

// replaces reports whether another container takes the place of the one that is there.
func (d decision) replaces() bool { return d.fate == replace || d.fate == rolling }

// fateOf compares one replica with what is there.
func (p *planner) fateOf(d decision, hash string) (fate, string, error) {
	c := d.old
	if c == nil {
		return create, "it does not exist", nil
	}
	if slices.Contains(p.options.Stuck, c.ID) {
		return replace, "the engine cannot start it any more", nil
	}
	if !p.options.NoRecreate {
		if cause, err := p.replaceCause(d, hash); err != nil || cause != "" {
			return replace, cause, err
		}
	}
	switch c.State {
	case "running", "restarting":
		if _, ok := p.observed.Stops.Until[c.ID]; ok {
			return start, "it is being stopped", nil
		}
		return keep, "", nil
	case "paused":
		return unpause, "it is paused", nil
	case "created":
		return start, "it was never started", nil
	case "dead", "removing":
		return replace, "it is " + c.State, nil
	}
	if observe.Done(d.service, *c) && (p.options.Ran[c.Name] || p.isAwaited(d.service.Name)) && !p.observed.Stops.Ended[c.ID] {
		return keep, "", nil
	}
	return start, "it is stopped (" + c.Status + ")", nil
}

// isAwaited reports whether a service depends on this one having done its work. Another one that has ended may have been
// stopped: it starts again, as it does with docker compose.
func (p *planner) isAwaited(service string) bool {
	for _, other := range p.stack.Project.Services {
		if other.DependsOn[service].Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}

// replaceCause says why a container must be recreated, or "".
func (p *planner) replaceCause(d decision, hash string) (string, error) {
	c := d.old
	if p.options.forces(*c) {
		return "--force-recreate", nil
	}
	if c.Name != d.name() && !isSuccessor(c.Name, d.name()) {
		return fmt.Sprintf("its name is %q", c.Name), nil
	}
	for _, key := range d.networkKeys() {
		if why, ok := p.resources.renewed[key]; ok {
			return fmt.Sprintf("network %q is recreated: %s", key, why), nil
		}
	}
	if d.image.ID == "" {
		return fmt.Sprintf("image %q has to be pulled or built", d.image.Ref), nil
	}
	if c.ImageID != d.image.ID {
		return fmt.Sprintf("image changed: %s -> %s", shortImage(c.Image, c.ImageID), shortImage(d.image.Ref, d.image.ID)), nil
	}
	if c.Hash != hash {
		fields, err := stack.Fields(d.service)
		if err != nil {
			return "", err
		}
		return changeCause(stack.Diff(c.Fields, fields)), nil
	}
	if cause := cmp.Or(p.networkCause(d), volumeCause(d)); cause != "" {
		return cause, nil
	}
	if changed := d.derivedDiff(*c); len(changed) > 0 {
		return changeCause(changed), nil
	}
	if reloads(d) {
		return "", nil // its files are written while it runs
	}
	for _, f := range p.staticFiles(d) {
		if have, ok := c.Files[f.Path]; ok && have != f.Stamp() {
			return fmt.Sprintf("file %q changed", f.Path), nil
		}
	}
	return "", nil
}

// networkCause says why a container cannot be started on the networks as they are, or "".
func (p *planner) networkCause(d decision) string {
	for _, key := range d.networkKeys() {
		name := d.networkName(key)
		address, ok := d.old.Addresses[name]
		if !ok {
			return fmt.Sprintf("it is not on network %q", name)
		}
		// The engine remembers a network by its ID: one that was removed and made again is not found at the start.
		if was := d.old.Networks[name]; was != "" {
			if is, ok := p.observed.Network(name); !ok || is.ID != was {
				return fmt.Sprintf("its network %q was removed", name)
			}
		}
		if book := p.resources.books[key]; book != nil && !book.subnet.Contains(address) {
			return fmt.Sprintf("it has no address in %s of network %q", book.subnet, name)
		}
		if other := p.observed.Holder(*d.old, name); other != "" {
			return fmt.Sprintf("its address now belongs to %s", other)
		}
	}
	return ""
}

// volumeCause says at which path a container has another volume than it should, or "": the configuration's hash covers what the
// Compose file calls a volume, not the name of it that the engine has.
func volumeCause(d decision) string {
	if d.revision != nil {
		return "" // it has the volumes that it had
	}
	for _, v := range d.service.Volumes {
		config, named := d.stack.Project.Volumes[v.Source]
		target := path.Clean(v.Target)
		if have := d.old.Volumes[target]; v.Type == types.VolumeTypeVolume && named && have != config.Name {
			return fmt.Sprintf("the volume at %s changed: %q -> %q", target, have, config.Name)
		}
	}
	return ""
}

// reloads reports whether a service can read changed configs while it runs.
func reloads(d decision) bool {
	return stack.ServiceExtensionOf(d.service).Reload != ""
}

func shortImage(ref, id string) string {
	if len(id) > 19 {
		id = id[:19]
	}
	return fmt.Sprintf("%s (%s)", cmp.Or(ref, "?"), id)
}
