package engine

import (
	"context"
	"errors"
	"net"
)

// dialBlocking is for unix sockets: other connections are made as everywhere.
func dialBlocking(context.Context, string) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}
