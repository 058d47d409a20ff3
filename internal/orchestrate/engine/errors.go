package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/docker/client"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// Error is a failure to reach or use an engine; Next says what the user can do.
type Error struct {
	Address string
	Err     error
	Next    string
}

func (e *Error) Error() string {
	return fmt.Sprintf("connecting to the Docker engine at %q: %v; %s", e.Address, e.Err, e.Next)
}

func (e *Error) Unwrap() error { return e.Err }

// Explain finds out why an engine did not answer.
func Explain(ctx context.Context, address string, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case errors.Is(err, os.ErrPermission), strings.Contains(err.Error(), "permission denied"):
		return &Error{
			Address: address, Err: errors.New("permission denied"),
			Next: "join the docker group (sudo usermod -aG docker \"$USER\", then log in again) or use sudo",
		}
	case errors.As(err, new(*orchestrate.NoAnswerError)), errors.As(err, new(*OddAnswerError)):
		return &Error{Address: address, Err: err, Next: "check that the engine is not stuck"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{Address: address, Err: fmt.Errorf("no answer within %s", connectTimeout), Next: "check the network and that the engine is not stuck"}
	case client.IsErrConnectionFailed(err):
		return &Error{
			Address: address, Err: errors.New("no engine answers there"),
			Next: "start it (sudo systemctl start docker), install it (Debian: sudo apt-get install docker.io), or name another with --host or --context",
		}
	}
	return &Error{Address: address, Err: err, Next: "run `stackctl doctor`"}
}
