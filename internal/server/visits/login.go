package visits

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/fault"
)

// maxPassword bounds a password file, in bytes.
const maxPassword = 4 << 10

// login logs in on a new connection. Nothing of a batch was sent when it fails, so that its errors are those of a failed dial: the counter
// tries again on another connection.
//
// The file is read for each connection, because `stackctl rotate` replaces it while the web tier runs.
type login struct {
	user string // "" is default
	file string
}

func (l login) onConnect(ctx context.Context, cn *redis.Conn) error {
	if err := l.do(ctx, cn); err != nil {
		return noConnection{fmt.Errorf("logging in: %w", err)}
	}
	return nil
}

func (l login) do(ctx context.Context, cn *redis.Conn) error {
	password, err := readPassword(l.file)
	if err != nil {
		return err
	}
	user := l.user
	if user == "" {
		user = "default"
	}
	err = cn.AuthACL(ctx, user, password).Err()
	// A Redis that wants no password refuses one, too. So is that of a stack from a release without passwords, until `up` has replaced
	// it, which it does once all of the web tier has its password. One that wants passwords answers no command before the login.
	if f := fault.Of(err); f == fault.WrongPassword || f == fault.NoAccess {
		if cn.Exists(ctx, probeKey).Err() == nil {
			return nil
		}
	}
	return err
}

func readPassword(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("opening REDIS_PASSWORD_FILE: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxPassword))
	if err != nil {
		return "", fmt.Errorf("reading REDIS_PASSWORD_FILE: %w", err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}
