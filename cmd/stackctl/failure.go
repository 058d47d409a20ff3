package main

import (
	"context"
	"errors"
	"fmt"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// printFailure shows a card for every container that is not well, before the error itself is printed.
func (a *app) printFailure(ctx context.Context, eng *engine.Engine, s *stack.Stack, err error) {
	if ctx.Err() != nil {
		a.printInterrupted()
		return
	}
	var cards []orchestrate.Card
	if undone := (*orchestrate.UndoneError)(nil); errors.As(err, &undone) {
		cards = undone.Cards
	} else {
		cards = orchestrate.Cards(ctx, eng, s.Project.Name)
	}
	for _, card := range cards {
		if a.progress == "json" {
			_ = newJSON(a.Err).Encode(struct {
				Kind string `json:"kind"`
				orchestrate.Card
			}{"card", card})
			continue
		}
		fmt.Fprint(a.Err, termtext.SafeLines(card.String()))
	}
}

// printInterrupted says what Ctrl-C left behind.
func (a *app) printInterrupted() {
	a.tell("stackctl: interrupted; the same command goes on from here")
}

// tell prints a line for people, or an event where programs read along.
func (a *app) tell(text string) {
	switch a.progress {
	case "quiet":
	case "json":
		_ = newJSON(a.Err).Encode(map[string]string{"kind": "message", "detail": text})
	default:
		fmt.Fprintln(a.Err, termtext.Safe(text))
	}
}
