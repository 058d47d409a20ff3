package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/orchestrate/retry"
)

// Standing is what the header says besides the state of the containers.
type Standing struct {
	Maintenance bool // visitors get a message instead of the stack
	// Certificate is that of the stack; nil without TLS.
	Certificate *certificate.Status
}

const (
	standingEvery = 15 * time.Second
	standingLimit = 10 * time.Second
)

type standingMsg Standing

// pollStanding reads it until ctx ends. What cannot be read stays as it was: the loss of the engine is told by the watcher.
func pollStanding(ctx context.Context, read func(context.Context) (Standing, error), send func(tea.Msg)) {
	for read != nil {
		limited, cancel := context.WithTimeout(ctx, standingLimit)
		standing, err := read(limited)
		cancel()
		if err == nil {
			send(standingMsg(standing))
		}
		if retry.Wait(ctx, standingEvery, nil) != nil {
			return
		}
	}
}

// standingTexts are the parts of the header about it.
func (m *Model) standingTexts() (texts []string) {
	t := m.theme
	if m.standing.Maintenance {
		texts = append(texts, t.Warn.Bold(true).Render("⚠ maintenance"))
	}
	if c := m.standing.Certificate; c != nil {
		now := m.clock()
		sign, style := "", t.Muted
		switch c.Urgency(now) {
		case certificate.Soon:
			sign, style = "⚠ ", t.Warn
		case certificate.Critical:
			sign, style = "✖ ", t.Bad
		}
		texts = append(texts, style.Render(sign+"certificate "+c.LeftText(now)))
	}
	return texts
}
