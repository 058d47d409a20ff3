package tui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/orchestrate/retry"
	"stackctl.dev/stackctl/internal/tui/draw"
)

// Standing is what the header says besides the state of the containers.
type Standing struct {
	Maintenance bool // visitors get a message instead of the stack
	// Certificate is that of the stack; nil without TLS.
	Certificate *certificate.Status
	// Alert is the worst one that fires, "" for none; Critical says that something does not work, and Further is how many more fire.
	Alert    string
	Critical bool
	Further  int
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
	if m.standing.Alert != "" {
		sign, style := "⚠ ", t.Warn
		if m.standing.Critical {
			sign, style = "✖ ", t.Bad
		}
		text := sign + draw.Safe(m.standing.Alert)
		if m.standing.Further > 0 {
			text += fmt.Sprintf(" and %d more", m.standing.Further)
		}
		texts = append(texts, style.Bold(true).Render(text))
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
