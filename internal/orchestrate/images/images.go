// Package images gets the images that a stack runs from: those present are used, others are pulled, built, or made from
// this host's own programs where no registry answers.
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
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	dockertypes "github.com/docker/docker/api/types"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/stack"
)

// Reader is what looking for images needs of an engine.
type Reader interface {
	ImageInspect(ctx context.Context, id string, options ...client.ImageInspectOption) (image.InspectResponse, error)
	ImageList(ctx context.Context, options image.ListOptions) ([]image.Summary, error)
}

// Engine is what getting images needs of an engine.
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
	OriginBuild    Origin = "build"    // a build context of the user's
	OriginRegistry Origin = "registry" // pulled, now or earlier
	OriginHost     Origin = "host"     // this host's programs
)

// Resolution is the image that a service will run from.
type Resolution struct {
	Service string
	Wanted  string // as the Compose file has it
	Ref     string // as the engine is to be asked for it
	ID      string // config ID; "" while the engine does not have it
	Size    int64  // bytes
	Origin  Origin
	Volumes []string // where it declares volumes
	// Variables are those that it sets, KEY=value.
	Variables []string

	tagged time.Time // when the engine got it last
}

// is completes a resolution by what the engine says of its image.
func (r *Resolution) is(info image.InspectResponse) {
	r.ID, r.Size, r.tagged = info.ID, info.Size, info.Metadata.LastTagTime
	if info.Config != nil {
		r.Volumes, r.Variables = slices.Sorted(maps.Keys(info.Config.Volumes)), info.Config.Env
	}
}

// Options say how images are got.
type Options struct {
	Rebuild bool   // build even what is present
	Pull    string // missing, always, never or PullAsked; "" is missing
	Source  string // auto, registry or host; "" is auto
	// HostRoots are folders of unpacked packages that are searched for programs before the host itself.
	HostRoots []string
	// Binary is the stackctl to put into the web image; "" is the running one.
	Binary string
	// BinaryDigest returns DigestBinary of it; set it to have that computed ahead of time.
	BinaryDigest func() (string, error)
}

// Find looks for the images of all services without getting any.
func Find(ctx context.Context, r Reader, s *stack.Stack, o Options) ([]Resolution, error) {
	names := s.Project.ServiceNames()
	found := make([]Resolution, len(names))
	return found, orchestrate.Within(ctx, func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		for i, name := range names {
			group.Go(func() error {
				var err error
				found[i], err = find(ctx, r, s, s.Project.Services[name], o)
				return err
			})
		}
		return group.Wait()
	})
}

// Wanted is the image that a service's Compose file names or implies.
func Wanted(s *stack.Stack, svc types.ServiceConfig) string {
	if svc.Image == "" && svc.Build != nil {
		return s.Project.Name + "-" + svc.Name
	}
	return svc.Image
}

func find(ctx context.Context, r Reader, s *stack.Stack, svc types.ServiceConfig, o Options) (Resolution, error) {
	res := Resolution{Service: svc.Name, Wanted: svc.Image, Ref: svc.Image, Origin: OriginRegistry}
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
		res.is(info)
		return res, nil
	case err != nil && !errdefs.IsNotFound(err):
		return res, fmt.Errorf("inspecting image %q: %w", res.Ref, err)
	case res.Origin != OriginRegistry || o.Source == "registry":
		return res, nil
	}
	return findHostMade(ctx, r, res)
}

// findHostMade looks for an image made earlier from the host's programs in place of the wanted one.
func findHostMade(ctx context.Context, r Reader, res Resolution) (Resolution, error) {
	list, err := r.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", orchestrate.LabelHostFor+"="+res.Wanted))})
	if err != nil {
		return res, fmt.Errorf("listing images: %w", err)
	}
	newest := int64(-1)
	for _, s := range list { // an image that somebody has built on such a one has its label too
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
	res.is(info)
	return res, nil
}

// Ensure gets every image that is missing, side by side.
func Ensure(ctx context.Context, e Engine, s *stack.Stack, o Options, sink orchestrate.Sink) ([]Resolution, error) {
	found, err := Find(ctx, e, s, o)
	if err != nil {
		return nil, err
	}
	// Services that share an image share the work, and the one that wants most of it says what.
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

// key is the same for services whose image is the same piece of work.
func (r Resolution) key() string { return string(r.Origin) + " " + r.Ref }

func ensure(ctx context.Context, e Engine, s *stack.Stack, res Resolution, wanted task, o Options, sink orchestrate.Sink) (Resolution, error) {
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
	return ensureForeign(ctx, e, svc, res, wanted, o, sink)
}

// ensureForeign gets an image that somebody else makes: from a registry, or in its place from the host's programs.
func ensureForeign(ctx context.Context, e Engine, svc types.ServiceConfig, res Resolution, wanted task, o Options, sink orchestrate.Sink) (Resolution, error) {
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
		return res, nil // `pull` leaves alone what is not to be pulled
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
		warn(sink, res, fmt.Sprintf("using the one that is present, since pulling failed: %v", pullErr))
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

func warn(sink orchestrate.Sink, res Resolution, text string) {
	if sink != nil {
		sink(orchestrate.Event{Kind: orchestrate.EventWarning, Verb: "pull image", Object: res.Wanted, Service: res.Service, Detail: text})
	}
}

// NotFoundError says that a service's image is not to be had.
type NotFoundError struct {
	Service, Ref string
	Err          error
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("getting image %q for service %q: %v; check the name and the network, bring it with `stackctl images load`, or run scripts/host-programs and use --images host", e.Ref, e.Service, e.Err)
}

func (e *NotFoundError) Unwrap() error { return e.Err }

// ByService turns resolutions into what a plan needs.
func ByService(found []Resolution) map[string]orchestrate.Image {
	byService := make(map[string]orchestrate.Image, len(found))
	for _, res := range found {
		byService[res.Service] = orchestrate.Image{Ref: res.Ref, ID: res.ID, Volumes: res.Volumes, Variables: res.Variables}
	}
	return byService
}
