// Package tui is the dashboard: the whole stack on one screen, to see and to act on.
package tui

import (
	"context"
	"os/exec"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// Sources are where the dashboard gets what it shows. Watch runs until ctx ends and reconnects by itself; so does Logs once it has begun.
type Sources struct {
	Project string
	Watch   func(ctx context.Context, sink watch.Sink) error
	Logs    func(ctx context.Context, emit func(logs.Line) error) error
	Redis   store.Dialer
	Details func(ctx context.Context, id string) (watch.Details, error)
	// Past reads the history of visits; nil for a stack that can have none.
	Past visitpane.Read
	// Standing reads what the header says besides the state of the containers; nil says nothing.
	Standing func(ctx context.Context) (Standing, error)
	// Warnings are shown among the events, one line each; nil has none.
	Warnings <-chan string
	// Operator changes the stack; nil makes the dashboard read-only.
	Operator Operator
	// History is the file of the Redis console's history; "" keeps it in memory alone.
	History string
	// Open shows a URL in a browser.
	Open func(ctx context.Context, url string) error
}

// Operator changes the stack. Its results are one line for the user, such as "ready in 1.2s".
type Operator interface {
	Up(ctx context.Context, sink report.Sink) (result string, err error)
	Down(ctx context.Context, sink report.Sink) (result string, err error)
	Scale(ctx context.Context, service string, replicas int, sink report.Sink) (result string, err error)
	Restart(ctx context.Context, id string, sink report.Sink) error
	Stop(ctx context.Context, id string, sink report.Sink) error
	Start(ctx context.Context, id string, sink report.Sink) error
	// Shell returns the command that opens a shell in a container, or why there is none.
	Shell(ctx context.Context, c watch.Container) (*exec.Cmd, error)
}
