package engine

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Follower is an engine whose logs are followed cheaply, however much a container prints.
type Follower struct {
	*Engine
	logs *client.Client
}

// followBuffer is read at once of a log, where that much has come.
const followBuffer = 64 << 10

// Follow returns the engine with a connection of its own for logs, where the engine is at a unix socket; elsewhere it reads them as ever.
func (e *Engine) Follow() *Follower {
	path, local := strings.CutPrefix(e.Address, "unix://")
	if !local || runtime.GOOS == "windows" {
		return &Follower{e, e.Client}
	}
	logs, err := newClient(e.Limit,
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{ReadBufferSize: followBuffer}}),
		client.WithHost(e.Address),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) { return dialBlocking(ctx, path) }),
		client.WithVersion(e.API),
	)
	if err != nil { // nothing in the options is wrong where the first client came about
		return &Follower{e, e.Client}
	}
	return &Follower{e, logs}
}

// ContainerLogs reads a log.
func (f *Follower) ContainerLogs(ctx context.Context, id string, o container.LogsOptions) (io.ReadCloser, error) {
	return f.logs.ContainerLogs(ctx, id, o)
}

// Close closes the connections for logs; the engine stays.
func (f *Follower) Close() error {
	if f.logs == f.Client {
		return nil
	}
	return f.logs.Close()
}
