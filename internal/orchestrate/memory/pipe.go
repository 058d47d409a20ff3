package memory

import (
	"context"
	"errors"
	"io"
)

// Pipe runs a command beside the container's program, as RunCommand does; the input is not read.
func (e *Engine) Pipe(ctx context.Context, ref string, command []string, _ io.Reader, out io.Writer) (problem string, exitCode int, err error) {
	output, exitCode, err := e.RunCommand(ctx, ref, command)
	if err == nil && exitCode == 0 {
		_, err = io.WriteString(out, output)
		return "", 0, err
	}
	return output, exitCode, err
}

var errNoStore = errors.New("an engine in memory has no Redis")

// StoreAddress is an error: programs here have no ports of their own.
func (e *Engine) StoreAddress(context.Context, string) (string, error) { return "", errNoStore }

// StoreLogin is an error too.
func (e *Engine) StoreLogin(context.Context, string) (user, password string, err error) {
	return "", "", errNoStore
}
