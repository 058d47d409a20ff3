// Package images gets the images of a stack's services: it uses those that are present, and pulls or builds the others, or makes them from
// this host's own programs if no registry can be reached.
package images

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	dockertypes "github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/stack"
)

// Reader is the part of an engine that finds images.
type Reader interface {
	ImageInspect(ctx context.Context, id string, options ...client.ImageInspectOption) (image.InspectResponse, error)
	ImageList(ctx context.Context, options image.ListOptions) ([]image.Summary, error)
}

// Engine is the part of an engine that gets images.
type Engine interface {
	Reader
	ImagePull(ctx context.Context, ref string, options image.PullOptions) (io.ReadCloser, error)
	ImageBuild(ctx context.Context, content io.Reader, options build.ImageBuildOptions) (build.ImageBuildResponse, error)
	ImageRemove(ctx context.Context, id string, options image.RemoveOptions) ([]image.DeleteResponse, error)
	ServerVersion(ctx context.Context) (dockertypes.Version, error)
}

// Origin says where a service's image comes from.
type Origin string

// The origins of images.
const (
	OriginSelf     Origin = "self"     // stackctl itself
	OriginBuild    Origin = "build"    // a build context of the user
	OriginRegistry Origin = "registry" // pulled, now or earlier
	OriginHost     Origin = "host"     // this host's programs
)

// Resolution is the image that a service will run from.
type Resolution struct {
	Service string
	Wanted  string // in the Compose file
	Ref     string // for the engine
	ID      string // config ID; "" while the engine does not have it
	Size    int64  // bytes
	Origin  Origin
	Volumes []string // paths of the volumes it declares
	// Variables are those it sets, KEY=value.
	Variables []string

	// Optional says that the stack works without the service, and Absent that its image cannot be had.
	Optional, Absent bool `json:"-"`

	tagged time.Time // when the engine last got it
}

// fill fills in what the engine says about the image.
func (r *Resolution) fill(info image.InspectResponse) {
	r.ID, r.Size, r.tagged = info.ID, info.Size, info.Metadata.LastTagTime
	if info.Config != nil {
		r.Volumes, r.Variables = slices.Sorted(maps.Keys(info.Config.Volumes)), info.Config.Env
	}
}

// Options say how to get images.
type Options struct {
	Rebuild bool   // build images even if they are present
	Pull    string // missing, always, never or PullAsked; "" is missing
	Source  string // auto, registry or host; "" is auto
	// Present takes optional images only if they are present, and looks for no others.
	Present bool
	// HostRoots are folders of unpacked packages, which are searched for programs before the host itself.
	HostRoots []string
	// Binary is the stackctl for the web image; "" is the running one.
	Binary string
	// BinaryDigest returns DigestBinary(Binary); the caller may compute it ahead of time.
	BinaryDigest func() (string, error)
}

// Find returns the images of all services, without getting missing ones.
func Find(ctx context.Context, r Reader, s *stack.Stack, o Options) ([]Resolution, error) {
	names := s.Project.ServiceNames()
	found := make([]Resolution, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() error {
			var err error
			found[i], err = find(ctx, r, s, s.Project.Services[name], o)
			return err
		})
	}
	return found, group.Wait()
}

// Wanted returns the image that the Compose file names for a service, or the default name.
func Wanted(s *stack.Stack, svc types.ServiceConfig) string {
	if svc.Image == "" && svc.Build != nil {
		return s.Project.Name + "-" + svc.Name
	}
	return svc.Image
}

func find(ctx context.Context, r Reader, s *stack.Stack, svc types.ServiceConfig, o Options) (Resolution, error) {
	res := Resolution{Service: svc.Name, Wanted: svc.Image, Ref: svc.Image, Origin: OriginRegistry, Optional: stack.ServiceExtensionOf(svc).Optional}
	switch by := builder(s, svc); {
	case stack.ServiceExtensionOf(by).Build == "self":
		res.Origin = OriginSelf
		ref, err := selfRef(cmp.Or(by.Image, by.Name), o)
		if err != nil {
			return res, err
		}
		res.Ref = ref
	case by.Build != nil:
		res.Origin, res.Ref = OriginBuild, Wanted(s, by)
	}
	info, err := r.ImageInspect(ctx, res.Ref)
	switch {
	case err == nil && (o.Source != "host" || res.Origin != OriginRegistry):
		res.fill(info)
		return res, nil
	case err != nil && !errdefs.IsNotFound(err):
		return res, fmt.Errorf("inspecting image %q: %w", res.Ref, err)
	case res.Origin != OriginRegistry || o.Source == "registry":
		return res, nil
	}
	return findHostMade(ctx, r, res)
}

// findHostMade looks for an image that was made earlier from the host's programs instead of the wanted one.
func findHostMade(ctx context.Context, r Reader, res Resolution) (Resolution, error) {
	list, err := r.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", label.HostFor+"="+res.Wanted))})
	if err != nil {
		return res, fmt.Errorf("listing images: %w", err)
	}
	newest := int64(-1)
	for _, s := range list { // an image that was built from such an image has the label too
		i := slices.IndexFunc(s.RepoTags, func(tag string) bool { return strings.HasPrefix(tag, hostRepository) })
		if i >= 0 && s.Created > newest {
			res.Ref, res.ID, res.Origin, newest = s.RepoTags[i], s.ID, OriginHost, s.Created
		}
	}
	if newest < 0 {
		return res, nil
	}
	info, err := r.ImageInspect(ctx, res.ID)
	if err != nil {
		return res, fmt.Errorf("inspecting image %q: %w", res.Ref, err)
	}
	res.fill(info)
	return res, nil
}

// Ensure gets all missing images in parallel.
func Ensure(ctx context.Context, e Engine, s *stack.Stack, o Options, sink report.Sink) ([]Resolution, error) {
	found, err := Find(ctx, e, s, o)
	if err != nil {
		return nil, err
	}
	// Services that share an image share the work, and the greatest of their tasks counts.
	first, tasks := map[string]int{}, map[string]task{}
	for i, res := range found {
		wanted, err := taskOf(s.Project.Services[res.Service], res, o)
		if err != nil {
			return nil, fmt.Errorf("reading pull_policy of service %q: %w", res.Service, err)
		}
		if _, taken := first[res.key()]; !taken {
			first[res.key()] = i
		}
		tasks[res.key()] = max(tasks[res.key()], wanted)
	}
	got, errs := make([]Resolution, len(found)), make([]error, len(found))
	var group errgroup.Group
	for key, i := range first {
		group.Go(func() error {
			got[i], errs[i] = ensure(ctx, e, s, found[i], tasks[key], o, sink)
			return nil
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for i, res := range found {
		found[i] = got[first[res.key()]]
		found[i].Service, found[i].Wanted = res.Service, res.Wanted
	}
	return found, errors.Join(errs...)
}

// key is the same for services that share an image.
func (r Resolution) key() string { return fmt.Sprint(r.Origin, r.Optional, " ", r.Ref) }

func ensure(ctx context.Context, e Engine, s *stack.Stack, res Resolution, wanted task, o Options, sink report.Sink) (Resolution, error) {
	svc := builder(s, s.Project.Services[res.Service])
	present := res.ID != "" && wanted != taskRenew
	switch {
	case res.Origin == OriginSelf && !present:
		return buildSelf(ctx, e, s, res, o, sink)
	case res.Origin == OriginBuild && !present:
		return buildContext(ctx, e, svc, res, sink)
	case res.Origin == OriginSelf, res.Origin == OriginBuild:
		return res, nil
	}
	if res.Optional && res.ID == "" {
		return ensureOptional(ctx, e, svc, res, wanted, o, sink)
	}
	return ensureForeign(ctx, e, svc, res, wanted, o, sink)
}

// ensureOptional gets an image without which the stack works.
func ensureOptional(ctx context.Context, e Engine, svc types.ServiceConfig, res Resolution, wanted task, o Options, sink report.Sink) (Resolution, error) {
	if o.Present {
		res.Absent = true
		return res, nil
	}
	got, err := ensureForeign(ctx, e, svc, res, wanted, o, sink)
	if err == nil || ctx.Err() != nil {
		return got, err
	}
	cause := err
	if missing := new(NotFoundError); errors.As(err, &missing) {
		cause = missing.Err
	}
	warn(sink, res, fmt.Sprintf("going on without service %q, because its image cannot be had: %v; `stackctl up --pull always` tries again", svc.Name, cause))
	res.Absent = true
	return res, nil
}

// ensureForeign gets an image that is not built here: from a registry, or else from the host's programs.
func ensureForeign(ctx context.Context, e Engine, svc types.ServiceConfig, res Resolution, wanted task, o Options, sink report.Sink) (Resolution, error) {
	if o.Source == "host" {
		if res.ID != "" && !o.Rebuild {
			return res, nil
		}
		return makeFromHost(ctx, e, svc, res, o, sink)
	}
	switch {
	case res.ID != "" && wanted != taskRenew:
		return res, nil
	case wanted == taskRefuse && o.Pull == PullAsked:
		return res, nil // `pull` skips images that must not be pulled
	case wanted == taskRefuse:
		return res, &NotFoundError{Service: res.Service, Ref: res.Wanted, Err: fmt.Errorf("it is not present and the pull policy is %s", cmp.Or(svc.PullPolicy, o.Pull))}
	}
	pulled, pullErr := pull(ctx, e, res, svc.Platform, sink)
	switch {
	case pullErr == nil:
		return pulled, nil
	case ctx.Err() != nil:
		return res, ctx.Err()
	case res.ID != "":
		warn(sink, res, fmt.Sprintf("using the image that is present, because pulling failed: %v", pullErr))
		return res, nil
	case o.Source == "registry" || stack.ServiceExtensionOf(svc).Host == nil:
		return res, &NotFoundError{Service: res.Service, Ref: res.Wanted, Err: pullErr}
	}
	warn(sink, res, fmt.Sprintf("no registry to pull from (%s); using this host's own programs", reason(pullErr)))
	made, hostErr := makeFromHost(ctx, e, svc, res, o, sink)
	if hostErr != nil {
		return res, &NotFoundError{Service: res.Service, Ref: res.Wanted, Err: errors.Join(pullErr, hostErr)}
	}
	return made, nil
}

func warn(sink report.Sink, res Resolution, text string) {
	if sink != nil {
		sink(report.Event{Kind: report.Warning, Verb: "pull image", Object: res.Wanted, Service: res.Service, Detail: text})
	}
}

// NotFoundError says that a service's image cannot be got.
type NotFoundError struct {
	Service, Ref string
	Err          error
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("getting image %q for service %q: %v; check the name and the network, load it with `stackctl images load`, or run scripts/host-programs and use --images host", e.Ref, e.Service, e.Err)
}

func (e *NotFoundError) Unwrap() error { return e.Err }

// Absent lists the optional services whose images cannot be had.
func Absent(found []Resolution) (services []string) {
	for _, res := range found {
		if res.Absent {
			services = append(services, res.Service)
		}
	}
	return services
}

// MarkAbsent marks the images of optional services that Find did not find, and lists these services.
func MarkAbsent(found []Resolution) []string {
	for i, res := range found {
		found[i].Absent = res.Optional && res.ID == ""
	}
	return Absent(found)
}

// ByService returns the images by service, for a plan.
func ByService(found []Resolution) map[string]planner.Image {
	byService := make(map[string]planner.Image, len(found))
	for _, res := range found {
		if res.Absent {
			continue
		}
		byService[res.Service] = planner.Image{Ref: res.Ref, ID: res.ID, Volumes: res.Volumes, Variables: res.Variables}
	}
	return byService
}
