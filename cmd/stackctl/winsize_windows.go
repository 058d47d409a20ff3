package main

import (
	"context"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// watchSize reports the terminal's size once: Windows has no signal for its changes.
func watchSize(_ context.Context, out any) <-chan engine.Size {
	sizes := make(chan engine.Size, 1)
	width, height := size(out)
	sizes <- engine.Size{Width: uint(width), Height: uint(height)}
	return sizes
}
