package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// picture is an image.
type picture struct {
	id        string
	dirs      []string
	variables []string
	program   func(name string) Program // nil has none
}

// AddImage makes an image with these directories known under a reference, and under its ID.
func (e *Engine) AddImage(ref, id string, dirs ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.images[ref] = picture{id: id, dirs: dirs}
	e.images[id] = e.images[ref]
}

// SetVariables gives an image that is there its variables, KEY=value.
func (e *Engine) SetVariables(ref string, variables ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.images[ref]
	p.variables = variables
	e.images[ref], e.images[p.id] = p, p
}

// ImageInspect finds an image by reference or ID.
func (e *Engine) ImageInspect(ctx context.Context, ref string, _ ...client.ImageInspectOption) (image.InspectResponse, error) {
	var found image.InspectResponse
	err := e.call(ctx, "ImageInspect", ref, func() error {
		p, ok := e.images[ref]
		if !ok {
			return notFound("No such image: %s", ref)
		}
		found = image.InspectResponse{ID: p.id, RepoTags: []string{ref}, Config: &dockerspec.DockerOCIImageConfig{}}
		found.Config.Env = p.variables
		return nil
	})
	return found, err
}

// ImageList lists all images.
func (e *Engine) ImageList(ctx context.Context, _ image.ListOptions) ([]image.Summary, error) {
	var list []image.Summary
	err := e.call(ctx, "ImageList", "", func() error {
		for _, ref := range slices.Sorted(maps.Keys(e.images)) {
			if p := e.images[ref]; p.id != ref {
				list = append(list, image.Summary{ID: p.id, RepoTags: []string{ref}})
			}
		}
		return nil
	})
	return list, err
}

// ImageRemove removes an image that no container has.
func (e *Engine) ImageRemove(ctx context.Context, ref string, _ image.RemoveOptions) ([]image.DeleteResponse, error) {
	return nil, e.call(ctx, "ImageRemove", ref, func() error {
		p, ok := e.images[ref]
		if !ok {
			return notFound("No such image: %s", ref)
		}
		for _, c := range e.containers {
			if c.image == p.id {
				return conflict("unable to remove repository reference %q (must force) - container %s is using its referenced image", ref, c.id)
			}
		}
		delete(e.images, ref)
		delete(e.images, p.id)
		return nil
	})
}
