// Command stackctl builds, starts, watches, repairs and removes a three-tier stack through the Docker Engine API.
package main

import (
	"context"
	"os"
	"runtime/debug"
	"syscall"
)

// Garbage collection targets, in percent of the live heap. Go's default is that of longLived.
const (
	shortLived = 800
	longLived  = 100
	// webTier is for hundreds of connections in little memory: it halves what garbage takes, for some 3 % of the processor.
	webTier = 40
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := untilSignal(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A command that ends within a second has more use of the time than of the memory; what stays sets this back.
	debug.SetGCPercent(shortLived)
	return run(ctx, systemStreams(), os.Args[1:])
}
