package operate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/terminal"
)

// confirmLoss shows what removing the volumes would lose and, on a terminal, asks.
func (a *app) confirmLoss(ctx context.Context, eng *engine.Engine, project string, yes bool) error {
	observed, err := observe.Project(ctx, eng, project)
	if err != nil {
		return err
	}
	volumes := observed.VolumeNames()
	if len(volumes) == 0 {
		return nil
	}
	a.Tell("removing volumes: " + strings.Join(volumes, ", "))
	loss, known := a.lossOf(ctx, eng, project)
	a.Tell("  " + loss)
	if known && !yes {
		if err := a.offerBackup(ctx, eng, project); err != nil {
			return err
		}
	}
	return a.Agree(ctx, "Remove them for good?", yes)
}

// offerBackup asks on a terminal whether to save the data first. If that fails, nothing is removed.
func (a *app) offerBackup(ctx context.Context, eng *engine.Engine, project string) error {
	if !terminal.Is(a.In) {
		return nil
	}
	fmt.Fprint(a.Err, "Save a backup in the current folder first? [y/N] ")
	line, err := a.Line(ctx)
	if err != nil || line != "y" && line != "yes" {
		return err
	}
	return a.backupTo(ctx, eng, project, &backupOptions{}, "")
}

// lossOf puts into words what Redis holds, if that is known; Redis need not be reachable.
func (a *app) lossOf(ctx context.Context, eng *engine.Engine, project string) (words string, known bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	dial, err := cli.DialStore(ctx, eng, project)
	if err != nil {
		return "what they hold is not known: " + err.Error(), false
	}
	client := store.Open(dial)
	defer client.Close()
	summary, err := client.Summary(ctx)
	if err != nil {
		return "what they hold is not known: " + err.Error(), false
	}
	saved := "never"
	if !summary.LastSave.IsZero() {
		saved = summary.LastSave.Format(time.RFC3339)
	}
	return fmt.Sprintf("they hold %d keys, %d visits, %s in memory; last save %s", summary.Keys, summary.Visits, units.HumanSize(float64(summary.UsedBytes)), saved), true
}
