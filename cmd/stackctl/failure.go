package main

import (
	"context"
	"fmt"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// printFailure shows a card for every container that is not well, before the error itself is printed.
func (a *app) printFailure(ctx context.Context, eng *engine.Engine, s *stack.Stack) {
	if ctx.Err() != nil {
		a.printInterrupted()
		return
	}
	for _, card := range orchestrate.Cards(ctx, eng, s.Project.Name) {
		fmt.Fprint(a.Err, termtext.SafeLines(card.String()))
	}
}

// printInterrupted says what Ctrl-C left behind.
func (a *app) printInterrupted() {
	fmt.Fprintln(a.Err, "stackctl: interrupted; the same command goes on from here")
}
