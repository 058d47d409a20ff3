package main

import (
	"context"
	"fmt"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// printFailure shows a card for every container that is not well, before the error itself.
func (a *app) printFailure(ctx context.Context, eng *engine.Engine, s *stack.Stack, _ error) {
	if ctx.Err() != nil {
		return
	}
	for _, card := range orchestrate.Cards(ctx, eng, s.Project.Name) {
		fmt.Fprint(a.Err, termtext.SafeLines(card.String()))
	}
}
