// Package inspect has the commands that show what there is, and change nothing.
package inspect

import (
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
)

type app struct{ *cli.App }

// Commands are those of this package.
func Commands(shared *cli.App) []*cobra.Command {
	a := &app{shared}
	return []*cobra.Command{
		newPsCmd(a), newLsCmd(a), newLogsCmd(a), newEventsCmd(a), newStatsCmd(a), newTopCmd(a), newPortCmd(a), newHistoryCmd(a), newConfigCmd(a), newDoctorCmd(a), newFeaturesCmd(a), newCertCmd(a), newBoardCmd(a), newAlertsCmd(a), newExportCmd(a),
	}
}
