// Command stackctl builds, starts, watches, repairs and removes a three-tier stack through the Docker Engine API.
package main

import (
	"context"
	"os"
	"runtime/debug"
	"syscall"

	"stackctl.dev/stackctl/internal/terminal"
)

// Garbage collection targets, in percent of the live heap. Go's default, 100, is that of cli.LongLived.
const (
	shortLived = 800
	// webTier is for hundreds of connections in little memory: it halves what garbage takes, for some 3 % of the processor.
	webTier = 40
	// wafTier is for the garbage of inspections, most of what this tier allocates.
	wafTier = 200
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := terminal.UntilSignal(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A command that ends within a second has more use of the time than of the memory; what stays sets this back.
	debug.SetGCPercent(shortLived)
	return run(ctx, terminal.System(), os.Args[1:])
}
