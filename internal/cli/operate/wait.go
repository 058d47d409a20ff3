package operate

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/termtext"
)

func newWaitCmd(a *app) *cobra.Command {
	down := false
	cmd := &cobra.Command{
		Use: "wait SERVICE [SERVICE...]", Short: "Wait until the containers of services stop",
		Long: "Wait until all containers of the services have stopped. The exit code is that of the first one that stopped with a code other than 0.\n" +
			"It waits as long as that takes: Ctrl-C ends it.",
		Example: "stackctl -f compose.yaml wait migrate",
		Args:    cli.Usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.wait(cmd.Context(), args, down)
		},
		ValidArgsFunction: a.CompleteRunning,
	}
	cmd.Flags().BoolVar(&down, "down-project", false, "take the project down as soon as the first container has stopped")
	return cmd
}

// ended is a container that has stopped.
type ended struct {
	observe.Container
	code int
	err  error
}

func (a *app) wait(ctx context.Context, services []string, down bool) error {
	eng, chosen, err := a.OpenChosen(ctx, services)
	if err != nil {
		return err
	}
	defer eng.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := 0
	ends := awaitEnds(ctx, eng, chosen)
	for range chosen {
		e := <-ends
		if e.err != nil {
			return fmt.Errorf("waiting for container %q: %w", e.Name, e.err)
		}
		fmt.Fprintf(a.Out, "container %q exited with status code %d\n", termtext.Safe(e.Name), e.code)
		if failed == 0 {
			failed = e.code
		}
		if down {
			break
		}
	}
	if down {
		if err := a.down(ctx, &downOptions{}); err != nil {
			return err
		}
	}
	if failed != 0 {
		return cli.ExitError(failed)
	}
	return nil
}

// awaitEnds tells of each container when it has stopped; it sends as many as it was given.
func awaitEnds(ctx context.Context, eng *engine.Engine, containers []observe.Container) <-chan ended {
	ends := make(chan ended, len(containers))
	for _, c := range containers {
		go func() { // ends with the container, or with ctx
			code, err := eng.AwaitEnd(ctx, c.ID)
			ends <- ended{Container: c, code: code, err: err}
		}()
	}
	return ends
}
