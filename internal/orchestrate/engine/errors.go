package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/docker/client"
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
	case errors.As(err, new(*NoAnswerError)), errors.As(err, new(*OddAnswerError)):
		return &Error{Address: address, Err: err, Next: "check that the engine is not stuck"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{Address: address, Err: fmt.Errorf("no answer within %s", connectTimeout), Next: "check the network and that the engine is not stuck"}
	case strings.Contains(err.Error(), "malformed HTTP response"):
		return &Error{
			Address: address, Err: errors.New("what answers there does not speak HTTP"),
			Next: "check the address; an engine behind TLS needs DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or a docker context that has its certificates",
		}
	case client.IsErrConnectionFailed(err) && strings.HasPrefix(err.Error(), "Cannot connect to the Docker daemon"): // refused, or no such socket
		return &Error{
			Address: address, Err: errors.New("no engine answers there"),
			Next: "start it (sudo systemctl start docker), install it (Debian: sudo apt-get install docker.io), or name another with --host or --context",
		}
	}
	return &Error{Address: address, Err: err, Next: "check the address and what answers there, or name another with --host or --context"}
}
