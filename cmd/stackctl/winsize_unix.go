//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// watchSize reports the terminal's size now and at each change, until ctx ends.
func watchSize(ctx context.Context, out any) <-chan engine.Size {
	sizes := make(chan engine.Size, 1)
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		defer close(sizes)
		defer signal.Stop(changed)
		for {
			width, height := size(out)
			select {
			case sizes <- engine.Size{Width: uint(width), Height: uint(height)}:
			case <-ctx.Done():
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return sizes
}
