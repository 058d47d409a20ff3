// Package operate has the commands that change a stack, or run something in it.
package operate

import (
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
)

type app struct{ *cli.App }

// Commands are those of this package.
func Commands(shared *cli.App) []*cobra.Command {
	a := &app{shared}
	return append(newLifecycleCmds(a),
		newUpCmd(a), newPlanCmd(a), newCreateCmd(a), newDownCmd(a), newScaleCmd(a), newRolloutCmd(a), newRollbackCmd(a), newVerifyCmd(a), newRotateCmd(a), newMaintenanceCmd(a), newBackupCmd(a), newRestoreCmd(a),
		newRunCmd(a), newExecCmd(a), newWaitCmd(a), newImagesCmd(a), newGetImagesCmd(a, "pull"), newGetImagesCmd(a, "build"),
	)
}
