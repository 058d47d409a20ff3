package tui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/notice"
)

// storeLimit bounds a change of the counter; the way there may have to be opened first.
const storeLimit = 20 * time.Second

func (m *Model) reset() tea.Cmd {
	s := m.visits.Summary()
	if !s.Known {
		return say(notice.Warn, "the counter is unknown: Redis does not answer")
	}
	return m.ask(fmt.Sprintf("reset visits from %s to 0?", draw.Count(s.Visits)), []string{"U undoes this; visits counted until then are kept"}, func(m *Model) tea.Cmd {
		return m.onStore(func(ctx context.Context, c *store.Client) resetMsg {
			old, _, err := c.Reset(ctx)
			return resetMsg{from: old, err: err}
		})
	})
}

func (m *Model) undoReset() tea.Cmd {
	return m.onStore(func(ctx context.Context, c *store.Client) resetMsg {
		from, to, err := c.Undo(ctx)
		return resetMsg{from: from, to: to, undo: true, err: err}
	})
}

func (m *Model) onStore(do func(context.Context, *store.Client) resetMsg) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, storeLimit)
		defer cancel()
		return do(ctx, m.client)
	}
}

func (m *Model) resetEnded(r resetMsg) tea.Cmd {
	m.lookAgain()
	switch {
	case r.err != nil:
		return say(notice.Bad, r.err.Error())
	case r.undo:
		return say(notice.Info, fmt.Sprintf("visits: %s -> %s", draw.Count(r.from), draw.Count(r.to)))
	}
	marked := m.mark(watch.Event{At: m.clock(), Kind: watch.EventReset, Text: fmt.Sprintf("visits reset from %s to 0", draw.Count(r.from))})
	return tea.Batch(marked, say(notice.Info, fmt.Sprintf("visits: %s -> 0; U undoes this", draw.Count(r.from))))
}
