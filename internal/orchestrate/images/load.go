package images

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/jsonmessage"
)

// Loader loads an archive of images.
type Loader interface {
	ImageLoad(ctx context.Context, archive io.Reader, options ...client.ImageLoadOption) (image.LoadResponse, error)
}

// Load brings the images of an archive into the engine and reports each by a line.
func Load(ctx context.Context, l Loader, archive io.Reader, report func(string)) error {
	response, err := l.ImageLoad(ctx, archive)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	for {
		var message jsonmessage.JSONMessage
		switch err := decoder.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case message.Error != nil:
			return message.Error
		case message.Stream != "":
			report(strings.TrimSpace(message.Stream))
		}
	}
}
