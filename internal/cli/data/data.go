// Package data has the commands on what the stack's Redis holds.
package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/store"
)

type app struct{ *cli.App }

// Commands are those of this package.
func Commands(shared *cli.App) []*cobra.Command {
	a := &app{shared}
	return []*cobra.Command{newRedisCmd(a), newGetCmd(a), newDelCmd(a), newKeysCmd(a), newResetCmd(a), newVisitsCmd(a)}
}

// storeLimit bounds a whole command on the store; connecting through a one-off container takes half a second.
const storeLimit = 30 * time.Second

// onStore runs f with a way to the project's Redis.
func (a *app) onStore(ctx context.Context, f func(context.Context, store.Dialer) error) error {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	dial, err := cli.DialStore(ctx, eng, project)
	if err != nil {
		return err
	}
	return f(ctx, dial)
}

// withStore is onStore for what ends by itself.
func (a *app) withStore(ctx context.Context, f func(context.Context, store.Dialer) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	return a.onStore(ctx, f)
}

// storeError names what was being done, and the next step where something answered that is no reply of Redis, or nothing: the client has
// no type for that.
func storeError(doing string, err error) error {
	if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "redis: can't parse") {
		return fmt.Errorf("%s: %w; %s", doing, err, fault.Away.Fix)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
