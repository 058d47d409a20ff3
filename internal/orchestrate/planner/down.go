package planner

import (
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// DownOptions change what Down removes.
type DownOptions struct {
	Volumes bool
	// Images are removed too, where no other container has them.
	Images RemoveImages
	// Grace overrides the containers' own grace periods; nil keeps them.
	Grace *time.Duration
}

// RemoveImages says which images Down removes.
type RemoveImages string

// The choices of images.
const (
	RemoveNoImages    RemoveImages = ""
	RemoveLocalImages RemoveImages = "local" // those built under the name that a service without `image` gives them
	RemoveAllImages   RemoveImages = "all"
)

// atOnce says that nothing is given time to end.
func (o DownOptions) atOnce() bool { return o.Grace != nil && *o.Grace == 0 }

// Down removes everything that carries the project's label: those in front first, then all others side by side, so
// that the whole takes as long as the longest grace period. Revisions, the history and networks go when all containers have
// gone, and what may hold data last.
func Down(o *observe.Observed, options DownOptions) *steps.Plan {
	plan := &steps.Plan{}
	var fronts, drained, gone []int
	for _, isFront := range []bool{true, false} {
		for _, c := range o.Containers {
			if (c.Labels[label.Front] != "") != isFront {
				continue
			}
			after := drained
			if c.Running() && !options.atOnce() {
				after = []int{plan.Add(c.Service, steps.StopContainer{Name: c.Name, ID: c.ID, Grace: options.Grace}, "down", drained...)}
				if isFront {
					fronts = append(fronts, plan.Add(c.Service, steps.DrainContainer{Name: c.Name, ID: c.ID}, "down"))
				}
			}
			gone = append(gone, plan.Add(c.Service, removal(c, true, false), "down", after...))
		}
		drained = fronts
	}
	for _, c := range o.Kept {
		plan.Add(c.Service, steps.RemoveContainer{Name: c.Name, ID: c.ID, Kill: true}, "down", gone...)
	}
	for _, n := range o.Networks {
		if n.Project == o.Project {
			plan.Add("", steps.RemoveNetwork{Name: n.Name, ID: n.ID}, "down", gone...)
		}
	}
	gone = plan.Last(plan.All())
	if options.Volumes {
		for _, name := range o.VolumeNames() {
			plan.Add("", steps.RemoveVolume{Name: name}, "down --volumes", gone...)
		}
	}
	for _, ref := range imagesFor(o, options.Images) {
		plan.Add("", steps.RemoveImage{Ref: ref}, "down --rmi "+string(options.Images), gone...)
	}
	return plan
}

func imagesFor(o *observe.Observed, choice RemoveImages) (refs []string) {
	for _, c := range o.Containers {
		name, _, _ := strings.Cut(c.Image, ":")
		if choice == RemoveAllImages || choice == RemoveLocalImages && name == o.Project+"-"+c.Service {
			refs = append(refs, c.Image)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}
