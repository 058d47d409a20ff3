package changes

import (
	"testing"

	"stackctl.dev/stackctl/bench/rig"
)

// verify ends with 1 when requests have failed: that is the measured number, not the end of the measurement.
func TestFailedRequestsAreAResult(t *testing.T) {
	for output, want := range map[string]struct {
		failed int
		good   bool
	}{
		`echo '{"all": {"requests": 100, "failed": 7}}'; exit 1`: {7, true},
		`echo '{"all": {"requests": 100, "failed": 0}}'`:         {0, true},
		`echo '{"all": {"requests": 100, "failed": 0}}'; exit 1`: {0, false}, // the rollout itself has failed
		`echo no stack >&2; exit 1`:                              {0, false},
	} {
		got, err := verifyRollout(t.Context(), rig.Program{Command: []string{"sh", "-c", output}})
		if got.All.Failed != want.failed || (err == nil) != want.good {
			t.Errorf("%s: %+v, %v", output, got, err)
		}
	}
}
