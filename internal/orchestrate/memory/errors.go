package memory

import (
	"fmt"

	"github.com/containerd/errdefs"
)

// The client puts these words before whatever the engine says.
const prefix = "Error response from daemon: "

func notFound(format string, args ...any) error {
	return errdefs.ErrNotFound.WithMessage(prefix + fmt.Sprintf(format, args...))
}

func conflict(format string, args ...any) error {
	return errdefs.ErrConflict.WithMessage(prefix + fmt.Sprintf(format, args...))
}

func forbidden(format string, args ...any) error {
	return errdefs.ErrPermissionDenied.WithMessage(prefix + fmt.Sprintf(format, args...))
}

func internal(format string, args ...any) error {
	return errdefs.ErrInternal.WithMessage(prefix + fmt.Sprintf(format, args...))
}

func invalid(format string, args ...any) error {
	return errdefs.ErrInvalidArgument.WithMessage(prefix + fmt.Sprintf(format, args...))
}
