package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/progress"
)

func newHistoryCmd(a *app) *cobra.Command {
	format, revisions := "table", false
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show what was done to the stack, and the revisions it can go back to",
		Long: "Show what was done to the project, when, by whom, from which host, how long it took and how it ended. The last 30 entries are kept " +
			"on the engine, with the project; `down` removes them.\n--revisions lists the earlier revisions of each service, for `rollback`.",
		Example: "stackctl history\nstackctl history --format json\nstackctl history --revisions",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.history(cmd.Context(), format, revisions)
		},
	}
	cli.AddChoice(cmd, &format, "format", "table or json", "table", "json")
	cmd.Flags().BoolVar(&revisions, "revisions", false, "list the kept revisions instead")
	return cmd
}

// RevisionRow is a line of `history --revisions --format json`; docs/json.md describes it.
type RevisionRow struct {
	Service  string    `json:"service"`
	Revision int       `json:"revision"`
	Replaced time.Time `json:"replaced"`
	Image    string    `json:"image"`
	ImageID  string    `json:"image_id"`
	Hash     string    `json:"config_hash"`
}

func (a *app) history(ctx context.Context, format string, revisions bool) error {
	eng, name, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	past, err := a.On(eng, name, progress.Quiet.Renderer(nil)).History(ctx)
	if err != nil {
		return err
	}
	if revisions {
		var rows []RevisionRow
		for _, r := range past.Revisions {
			rows = append(rows, RevisionRow{Service: r.Service, Revision: r.Number, Replaced: r.Created, Image: r.Image, ImageID: r.ImageID, Hash: r.Hash})
		}
		return cli.Rows(a.Out, format, []string{"SERVICE", "REVISION", "REPLACED", "IMAGE"}, rows, func(r RevisionRow) []string {
			return []string{r.Service, strconv.Itoa(r.Revision), r.Replaced.Local().Format(time.DateTime), r.Image}
		})
	}
	return cli.Rows(a.Out, format, []string{"TIME", "COMMAND", "BY", "TOOK", "RESULT", "CHANGES"}, past.Entries, func(e kept.Entry) []string {
		took := progress.Round(time.Duration(e.TookMS) * time.Millisecond)
		return []string{e.Time.Local().Format(time.DateTime), e.Command, e.By, took.String(), e.Result, changesText(e)}
	})
}

// changesText is such as "1 reload, 3 roll", or the error.
func changesText(e kept.Entry) string {
	if e.Error != "" {
		first, _, _ := strings.Cut(e.Error, "\n")
		return first
	}
	var parts []string
	for _, action := range slices.Sorted(maps.Keys(e.Changes)) {
		parts = append(parts, fmt.Sprintf("%d %s", e.Changes[action], action))
	}
	return strings.Join(parts, ", ")
}
