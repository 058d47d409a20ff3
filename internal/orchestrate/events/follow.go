package events

import (
	"context"
	"errors"
	"fmt"

	"stackctl.dev/stackctl/internal/orchestrate/retry"
)

// Handler is who follows the events of a project.
type Handler struct {
	Event func(Event)
	// Relist looks at the containers again after the subscription was made again, since nobody has heard what happened meanwhile.
	Relist func(context.Context) error
	// Lost hears why the subscription, or a try to make it again, has failed.
	Lost func(error)
}

// ErrEnded is the end of a subscription that should have none.
var ErrEnded = errors.New("the engine ended the events")

// Follow hands events on until ctx ends. When the subscription breaks it is made again, with pauses.
func (s *Subscription) Follow(ctx context.Context, h Handler) {
	var pause retry.Backoff
	for {
		err := s.Each(h.Event)
		if err == nil {
			err = ErrEnded
		}
		for err != nil {
			if ctx.Err() != nil {
				return
			}
			h.Lost(fmt.Errorf("watching containers of project %q: %w", s.query.Project, err))
			if pause.Wait(ctx, nil) != nil {
				return
			}
			s.Close()
			s = Subscribe(ctx, s.src, s.query)
			err = h.Relist(ctx)
		}
	}
}
