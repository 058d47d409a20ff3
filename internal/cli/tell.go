package cli

import (
	"context"
	"fmt"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

// PrintFailure shows a card for every container that is not well, before the error itself is printed.
func (a *App) PrintFailure(ctx context.Context, p *project.Project, err error) {
	if ctx.Err() != nil {
		a.PrintInterrupted()
		return
	}
	for _, card := range p.Cards(ctx, err) {
		if a.Progress == progress.JSON {
			_ = terminal.JSON(a.Err).Encode(struct {
				Kind string `json:"kind"`
				orchestrate.Card
			}{"card", card})
			continue
		}
		fmt.Fprint(a.Err, termtext.SafeLines(card.String()))
	}
}

// PrintInterrupted says what Ctrl-C left behind.
func (a *App) PrintInterrupted() {
	a.Tell("stackctl: interrupted; run the same command again to go on")
}

// Tell prints a line for people, or an event where programs read along.
func (a *App) Tell(text string) { a.Progress.Tell(a.Err, text) }

// Agree gets the agreement to destroy data: from --yes, from a terminal, or from a pipe that has an answer. Without any, the
// embedded stack is left as it is; with a Compose file of the user's own it goes on, as scripts written for docker compose need.
func (a *App) Agree(ctx context.Context, question string, yes bool) error {
	agreed, given, err := a.Agreed(ctx, question, yes)
	switch {
	case err != nil || agreed:
		return err
	case given:
		return terminal.ErrReported
	}
	if embedded, err := a.Embedded(ctx); err != nil || !embedded {
		return err
	}
	return Wrong("destroying data: there is no terminal to ask on; use --yes (rm: --force)")
}

// Agreed is what --yes, a terminal or a pipe says to the question; given is false where nobody says anything.
func (a *App) Agreed(ctx context.Context, question string, yes bool) (agreed, given bool, err error) {
	if yes {
		return true, true, nil
	}
	return a.Answer(ctx, question)
}

// WarnAll prints warnings.
func (a *App) WarnAll(warnings []string) {
	for _, warning := range warnings {
		a.Tell("warning: " + warning)
	}
}
