package apply

import (
	"context"

	"stackctl.dev/stackctl/internal/orchestrate/retry"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

func pause(ctx context.Context, _ Engine, a steps.Pause) error {
	return retry.Wait(ctx, a.For, nil)
}
