package edge

import (
	"context"
	"errors"
	"net"
)

// receive counts lines until ctx is done, and closes the socket.
func (s *Server) receive(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = s.lines.Close() })()
	defer func() { _ = s.lines.Close() }()
	line := make([]byte, maxLine)
	for {
		n, err := s.lines.Read(line)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil { // else it was longer
			s.count(line[:n])
		}
	}
}
