package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/termtext"
)

type lsOptions struct {
	all, quiet bool
	format     string
	filter     string
}

func newLsCmd(a *app) *cobra.Command {
	o := &lsOptions{format: "table"}
	cmd := &cobra.Command{
		Use: "ls", Short: "List the projects on the engine",
		Long:    "List the projects that have containers on the engine, whichever tool made them. Those of which nothing runs are shown with --all.",
		Example: "stackctl ls\nstackctl ls --all --format json\nstackctl ls --filter name=shop",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.filter != "" && !strings.HasPrefix(o.filter, "name=") {
				return cli.Wrong("checking --filter %q: use name=PART", o.filter)
			}
			return a.ls(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.all, "all", "a", false, "show projects of which nothing runs too")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "print names only")
	cli.AddChoice(cmd, &o.format, "format", "table or json", "table", "json")
	flags.StringVar(&o.filter, "filter", "", "only projects whose name has a part, as name=PART")
	return cmd
}

// LsRow is a line of `ls --format json`; its keys are those of docker compose.
type LsRow struct{ Name, Status, ConfigFiles string }

func (a *app) ls(ctx context.Context, o *lsOptions) error {
	eng, err := a.Connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	projects, err := observe.Projects(ctx, eng, o.all)
	if err != nil {
		return err
	}
	var rows []LsRow
	for _, project := range projects {
		if strings.Contains(project.Name, strings.TrimPrefix(o.filter, "name=")) {
			rows = append(rows, LsRow{Name: project.Name, Status: statesText(project.States), ConfigFiles: project.Files})
		}
	}
	if o.quiet {
		for _, row := range rows {
			fmt.Fprintln(a.Out, termtext.Safe(row.Name))
		}
		return nil
	}
	return cli.Rows(a.Out, o.format, []string{"NAME", "STATUS", "CONFIG FILES"}, rows, func(row LsRow) []string {
		return []string{row.Name, row.Status, row.ConfigFiles}
	})
}

// statesText is such as "exited(1), running(2)".
func statesText(states map[string]int) string {
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		parts = append(parts, fmt.Sprintf("%s(%d)", state, states[state]))
	}
	return strings.Join(parts, ", ")
}
