package operate

import (
	"context"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/progress"
)

// rotated is what can be rotated.
var rotated = []string{"redis"}

func newRotateCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate [redis]",
		Short: "Give Redis and the web tier new passwords, without an outage",
		Long: "Give every user of Redis a new password: for a moment the old and the new one are valid, the web tier takes the new one, and the old one goes. " +
			"No visit fails.\nIf it is interrupted, the stack works with both, and the next `stackctl rotate` goes on.",
		Example:   "stackctl rotate",
		Args:      cli.Usage(cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: rotated,
		RunE:      func(cmd *cobra.Command, _ []string) error { return a.rotate(cmd.Context()) },
	}
	a.AddYes(cmd)
	return cmd
}

func (a *app) rotate(ctx context.Context) error {
	eng, name, err := a.OpenFiles(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show := a.Progress.Renderer(a.Err)
	result, err := a.On(eng, name, show).Rotate(ctx)
	show.Close()
	if err != nil {
		return err
	}
	a.Tell(progress.Outcome("rotated", result))
	return nil
}
