package orchestrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
)

// DownOptions change what PlanDown removes.
type DownOptions struct {
	Volumes bool
	// Images are removed too, where no other container has them.
	Images RemoveImages
	// Grace overrides the containers' own grace periods; nil keeps them.
	Grace *time.Duration
}

// RemoveImages says which images PlanDown removes.
type RemoveImages string

// The choices of images.
const (
	RemoveNoImages    RemoveImages = ""
	RemoveLocalImages RemoveImages = "local" // those built under the name that a service without `image` gives them
	RemoveAllImages   RemoveImages = "all"
)

// atOnce says that nothing is given time to end.
func (o DownOptions) atOnce() bool { return o.Grace != nil && *o.Grace == 0 }

// headStart is how long those that stand in front may take to stop before the others are stopped too: time for requests
// under way to end. nginx needs a few milliseconds.
const headStart = time.Second

// PlanDown removes everything that carries the project's label: those in front first, then all others side by side, so
// that the whole takes as long as the longest grace period. Revisions, the history and networks go when all containers have
// gone, and what may hold data last.
func PlanDown(o *Observed, options DownOptions) *Plan {
	plan := &Plan{}
	var fronts, drained, gone []int
	for _, isFront := range []bool{true, false} {
		for _, c := range o.Containers {
			if (c.Labels[LabelFront] != "") != isFront {
				continue
			}
			after := drained
			if c.Running() && !options.atOnce() {
				after = []int{plan.add(c.Service, stopContainer{Name: c.Name, ID: c.ID, Grace: options.Grace}, "down", drained...)}
				if isFront {
					fronts = append(fronts, plan.add(c.Service, drainContainer{Name: c.Name, ID: c.ID}, "down"))
				}
			}
			gone = append(gone, plan.add(c.Service, c.removal(true, false), "down", after...))
		}
		drained = fronts
	}
	for _, c := range o.Kept {
		plan.add(c.Service, removeContainer{Name: c.Name, ID: c.ID, Kill: true}, "down", gone...)
	}
	for _, n := range o.Networks {
		if n.Project == o.Project {
			plan.add("", removeNetwork{Name: n.Name, ID: n.ID}, "down", gone...)
		}
	}
	gone = plan.last(plan.all())
	if options.Volumes {
		for _, name := range o.VolumeNames() {
			plan.add("", removeVolume{Name: name}, "down --volumes", gone...)
		}
	}
	for _, ref := range o.imagesFor(options.Images) {
		plan.add("", removeImage{Ref: ref}, "down --rmi "+string(options.Images), gone...)
	}
	return plan
}

func (o *Observed) imagesFor(choice RemoveImages) (refs []string) {
	for _, c := range o.Containers {
		name, _, _ := strings.Cut(c.Image, ":")
		if choice == RemoveAllImages || choice == RemoveLocalImages && name == o.Project+"-"+c.Service {
			refs = append(refs, c.Image)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

type removeImage struct {
	bounded
	Ref string
}

func (a removeImage) Verb() string   { return "remove image" }
func (a removeImage) Object() string { return a.Ref }
func (a removeImage) apply(ctx context.Context, w Writer) error {
	_, err := w.ImageRemove(ctx, a.Ref, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsConflict(err) {
		return warning("another container uses it: it stays")
	}
	return ignoreGone(err)
}

// drainContainer waits until a container that was told to stop has stopped, at most headStart. It never fails: it only
// holds back those that the container stands before.
type drainContainer struct {
	bounded
	Name, ID string
}

func (a drainContainer) Verb() string   { return "drain container" }
func (a drainContainer) Object() string { return a.Name }
func (a drainContainer) apply(ctx context.Context, w Writer) error {
	limited, cancel := context.WithTimeout(ctx, headStart)
	defer cancel()
	_ = poll(limited, 5*time.Millisecond, func(ctx context.Context) (bool, error) {
		info, err := w.ContainerInspect(ctx, a.ID)
		return err != nil || !info.State.Running, err
	})
	return ctx.Err()
}

// Down removes the project and looks again whether another command has made something meanwhile. leave takes out of each look
// what is to stay, and names it; nil leaves nothing. It returns what it carried out.
func Down(ctx context.Context, w Writer, project string, leave func(*Observed) (orphans []string), options DownOptions, sink Sink) (*Plan, error) {
	all := &Plan{}
	for attempt := 1; ; attempt++ {
		observed, err := Observe(ctx, w, project)
		if err != nil {
			return all, err
		}
		if leave != nil {
			for _, orphan := range leave(observed) {
				if attempt == 1 {
					sink.send(Event{Kind: EventWarning, Object: orphan, Detail: "its service is not in the Compose file; --remove-orphans removes it"})
				}
			}
		}
		plan := PlanDown(observed, options)
		if plan.Empty() {
			return all, nil
		}
		if attempt > maxAttempts {
			last := plan.Ops[len(plan.Ops)-1].Action
			return all, fmt.Errorf("removing project %q: %s %q is still there, or there again: another command is making parts of it; stop that, and try again", project, strings.TrimPrefix(last.Verb(), "remove "), last.Object())
		}
		begun, err := apply(ctx, w, plan, sink)
		all.follow(plan, begun)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || attempt == maxAttempts || !isRace(err) {
			return all, err
		}
		sink.send(Event{Kind: EventWarning, Object: project, Detail: err.Error() + "; looking again"})
		rest(ctx, attempt)
	}
}

// KeepServices leaves out of the snapshot the containers of services that are not listed, and the networks that these
// are on, as `down` without --remove-orphans does when it knows the Compose file.
func (o *Observed) KeepServices(services []string) (orphans []string) {
	inUse := map[string]bool{}
	o.Containers = slices.DeleteFunc(o.Containers, func(c Container) bool {
		if c.OneOff || slices.Contains(services, c.Service) {
			return false
		}
		orphans = append(orphans, c.Name)
		for name := range c.Addresses {
			inUse[name] = true
		}
		return true
	})
	o.Networks = slices.DeleteFunc(o.Networks, func(n Network) bool { return inUse[n.Name] })
	return orphans
}
