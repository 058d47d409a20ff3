package images

import (
	"context"
	"io"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// Loader loads an archive of images.
type Loader interface {
	ImageLoad(ctx context.Context, archive io.Reader, options ...client.ImageLoadOption) (image.LoadResponse, error)
}

// Load loads the images of an archive into the engine and reports the engine's output line by line.
func Load(ctx context.Context, l Loader, archive io.Reader, report func(string)) error {
	work := newWork(nil, "load images", Resolution{})
	work.printLine = report
	return work.load(ctx, l, archive)
}

func (w *work) load(ctx context.Context, l Loader, archive io.Reader) error {
	return w.follow(ctx, func(ctx context.Context, progressed func()) (io.ReadCloser, error) {
		response, err := l.ImageLoad(ctx, w.upload(archive, progressed))
		return response.Body, err
	})
}
