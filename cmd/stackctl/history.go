package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/termtext"
)

func newHistoryCmd(a *app) *cobra.Command {
	format, revisions := "", false
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show what was done to the stack, and the revisions it can go back to",
		Long: "Show what was done to the project, when, by whom, from which host, how long it took and how it ended. The last 30 entries are kept " +
			"on the engine, with the project; `down` removes them.\n--revisions lists the earlier revisions of each service, for `rollback`.",
		Example: "stackctl history\nstackctl history --format json\nstackctl history --revisions",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			return a.history(cmd.Context(), format, revisions)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "table or json")
	cmd.Flags().BoolVar(&revisions, "revisions", false, "list the kept revisions instead")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) history(ctx context.Context, format string, revisions bool) error {
	eng, project, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	kept, err := orchestrate.Kept(ctx, eng, project)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	defer func() { _ = table.Flush() }()
	out := newJSON(a.Out)
	if revisions {
		if format == "table" {
			fmt.Fprintln(table, "SERVICE\tREVISION\tREPLACED\tIMAGE")
		}
		for _, r := range kept.Revisions("") {
			if format == "json" {
				_ = out.Encode(map[string]any{"service": r.Service, "revision": r.Number, "replaced": r.Created, "image": r.Image, "image_id": r.ImageID, "config_hash": r.Hash})
				continue
			}
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", termtext.Safe(r.Service), r.Number, r.Created.Local().Format(time.DateTime), termtext.Safe(r.Image))
		}
		return nil
	}
	if format == "table" {
		fmt.Fprintln(table, "TIME\tCOMMAND\tBY\tTOOK\tRESULT\tCHANGES")
	}
	for _, e := range kept.History() {
		if format == "json" {
			_ = out.Encode(e)
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Time.Local().Format(time.DateTime), termtext.Safe(e.Command), termtext.Safe(e.By),
			round(time.Duration(e.TookMS)*time.Millisecond), termtext.Safe(e.Result), termtext.Safe(changesText(e)))
	}
	return nil
}

// changesText is such as "1 reload, 3 roll", or the error.
func changesText(e orchestrate.Entry) string {
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

// remember writes into the project's history what a command has done, however it ended. A history that cannot be written
// is a warning: what was done is done.
func (a *app) remember(ctx context.Context, eng *engine.Engine, project, command string, begin time.Time, plan *orchestrate.Plan, err error) {
	if plan == nil || plan.Empty() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	entry := orchestrate.Entry{
		Time: begin.UTC().Truncate(time.Millisecond), Command: command, By: whoami(), TookMS: time.Since(begin).Milliseconds(),
		Result: orchestrate.Outcome(err), Changes: plan.Summarize(),
	}
	if err != nil {
		entry.Error = err.Error()
	}
	if err := orchestrate.Remember(ctx, eng, project, entry); err != nil {
		a.tell("warning: writing the history: " + termtext.Safe(err.Error()))
	}
}

// whoami is the person at this machine.
func whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
