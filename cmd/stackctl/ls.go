package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/termtext"
)

type lsOptions struct {
	all, quiet bool
	format     string
	filter     string
}

func newLsCmd(a *app) *cobra.Command {
	o := &lsOptions{}
	cmd := &cobra.Command{
		Use: "ls", Short: "List the projects on the engine",
		Long:    "List the projects that have containers on the engine, whichever tool made them. Those of which nothing runs are shown with --all.",
		Example: "stackctl ls\nstackctl ls --all --format json\nstackctl ls --filter name=shop",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.filter != "" && !strings.HasPrefix(o.filter, "name=") {
				return usageError{fmt.Errorf("checking --filter %q: use name=PART", o.filter)}
			}
			if err := oneOf("format", o.format, "table", "json"); err != nil {
				return err
			}
			return a.ls(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.all, "all", "a", false, "show projects of which nothing runs too")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "print names only")
	flags.StringVar(&o.format, "format", "table", "table or json")
	flags.StringVar(&o.filter, "filter", "", "only projects whose name has a part, as name=PART")
	return cmd
}

// lsRow is a line of `ls --format json`; its keys are those of docker compose.
type lsRow struct{ Name, Status, ConfigFiles string }

func (a *app) ls(ctx context.Context, o *lsOptions) error {
	eng, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	var list []container.Summary
	err = orchestrate.Within(ctx, func(ctx context.Context) (err error) {
		list, err = eng.ContainerList(ctx, container.ListOptions{All: o.all, Filters: filters.NewArgs(filters.Arg("label", orchestrate.LabelProject))})
		return err
	})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	table := tabwriter.NewWriter(a.Out, 0, 0, 3, ' ', 0)
	defer func() { _ = table.Flush() }()
	if o.format == "table" && !o.quiet {
		fmt.Fprintln(table, "NAME\tSTATUS\tCONFIG FILES")
	}
	rows := lsRows(list)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		switch {
		case !strings.Contains(name, strings.TrimPrefix(o.filter, "name=")):
		case o.quiet:
			fmt.Fprintln(a.Out, termtext.Safe(name))
		case o.format == "json":
			_ = newJSON(a.Out).Encode(row)
		default:
			fmt.Fprintf(table, "%s\t%s\t%s\n", termtext.Safe(name), row.Status, termtext.Safe(row.ConfigFiles))
		}
	}
	return nil
}

// lsRows sums the containers of each project up.
func lsRows(list []container.Summary) map[string]lsRow {
	states, files := map[string]map[string]int{}, map[string]string{}
	for _, c := range list {
		if c.Labels[orchestrate.LabelHelper] != "" {
			continue
		}
		project := c.Labels[orchestrate.LabelProject]
		if states[project] == nil {
			states[project] = map[string]int{}
		}
		states[project][c.State]++
		files[project] = max(files[project], c.Labels[orchestrate.LabelConfigFiles])
	}
	rows := map[string]lsRow{}
	for project, counts := range states {
		var parts []string
		for _, state := range slices.Sorted(maps.Keys(counts)) {
			parts = append(parts, fmt.Sprintf("%s(%d)", state, counts[state]))
		}
		rows[project] = lsRow{Name: project, Status: strings.Join(parts, ", "), ConfigFiles: files[project]}
	}
	return rows
}
