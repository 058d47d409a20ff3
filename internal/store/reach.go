package store

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"
)

// Engine is where a project's Redis runs.
type Engine interface {
	// StoreAddress returns the address of the project's Redis as seen from inside the project.
	StoreAddress(ctx context.Context, project string) (string, error)
	// StoreLogin returns whom to log in as; the user is "" if Redis needs no login.
	StoreLogin(ctx context.Context, project string) (user, password string, err error)
	// DialService connects to an address in the project's network.
	DialService(ctx context.Context, project, address string) (net.Conn, error)
}

// Reach returns how to reach a project's Redis: through a tunnel, and logged in. It looks up address and password for each connection,
// because both may change while a dashboard or console is open.
func Reach(e Engine, project string) Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		address, err := e.StoreAddress(ctx, project)
		if err != nil {
			return nil, err
		}
		// Both take the engine some 50 ms, and neither needs the other.
		var user, password string
		var nc net.Conn
		both, reading := errgroup.WithContext(ctx)
		both.Go(func() (err error) { user, password, err = e.StoreLogin(reading, project); return err })
		both.Go(func() (err error) { nc, err = e.DialService(ctx, project, address); return err })
		err = both.Wait()
		if err == nil && user != "" {
			err = logIn(ctx, nc, user, password)
		}
		if err != nil {
			if nc != nil {
				_ = nc.Close()
			}
			return nil, err
		}
		return nc, nil
	}
}

// maxLoginReply bounds the reply to a login, in bytes.
const maxLoginReply = 4 << 10

// logIn logs in on a new connection, on which nothing else was sent.
func logIn(ctx context.Context, nc net.Conn, user, password string) error {
	c := &Conn{nc: nc, r: replyReader{br: bufio.NewReaderSize(nc, maxLoginReply)}}
	reply, err := c.Do(ctx, "AUTH", user, password)
	if err == nil {
		err = reply.Err()
	}
	if err != nil {
		return fmt.Errorf("logging in to redis as user %q: %w", user, err)
	}
	return nil
}
