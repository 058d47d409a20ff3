package orchestrate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/ready"
	"stackctl.dev/stackctl/internal/orchestrate/retry"
)

// isRace reports whether a plan failed because something else changed the engine meanwhile, so that another look helps:
// a subnet that another project took, a name that just appeared, an object that is gone, or stopped, or got company.
func isRace(err error) bool {
	if in := (*ready.NotReadyError)(nil); errors.As(err, &in) || errors.As(err, new(ready.TooLong)) {
		return false // they have words of programs in them
	}
	text := err.Error()
	if strings.Contains(text, `plugin "`) {
		return false // the engine has looked for it 15 s long
	}
	return errdefs.IsNotFound(err) || observe.IsTakenAway(err) || stuckTask.MatchString(text) ||
		slices.ContainsFunc(raceWords, func(words string) bool { return strings.Contains(text, words) }) && !errors.Is(err, apply.ErrMiscounted)
}

// raceWords are what engines say of a change under our hands.
var raceWords = []string{
	"Pool overlaps", "is already in use by container", "network with name", "is not paused", "is marked for removal", "active endpoint",
	"Address already in use", // of the addresses of a network; of ports it is "address already in use"
	"before attempting removal", "before removing",
	"failed to remove root filesystem", // another command wrote a file into the container meanwhile; what is dead can be removed again
}

// beginAgain is how long Up and Down let the engine come to rest before another look.
const beginAgain = 500 * time.Millisecond

// rest waits after an attempt.
func rest(ctx context.Context, attempt int) {
	_ = retry.Wait(ctx, time.Duration(attempt)*beginAgain, nil)
}
