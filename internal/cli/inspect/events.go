package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate/events"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

type eventsOptions struct {
	json         bool
	since, until string
	services     []string
}

func newEventsCmd(a *app) *cobra.Command {
	o := &eventsOptions{}
	cmd := &cobra.Command{
		Use: "events [SERVICE...]", Short: "Follow what happens to the project's containers",
		Long:    "Print each event of the project's containers as it happens, until Ctrl-C, or until --until.",
		Example: "stackctl events\nstackctl events --json web\nstackctl events --since 10m --until 0s",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			return a.events(cmd.Context(), o)
		},
		ValidArgsFunction: a.CompleteRunning,
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON object a line")
	cmd.Flags().StringVar(&o.since, "since", "", "from this time, or this long ago, such as 10m")
	cmd.Flags().StringVar(&o.until, "until", "", "up to this time")
	return cmd
}

func (a *app) events(ctx context.Context, o *eventsOptions) error {
	since, err := moment("since", o.since)
	if err != nil {
		return err
	}
	until, err := moment("until", o.until)
	if err != nil {
		return err
	}
	eng, project, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	if _, err := a.CheckNamed(ctx, o.services); err != nil {
		return err
	}
	sub := events.Subscribe(ctx, eng, events.Query{Project: project, Since: since, Until: until})
	err = sub.Each(func(e events.Event) {
		if !e.Helper() && (len(o.services) == 0 || slices.Contains(o.services, e.Service)) {
			a.printEvent(e, o.json)
		}
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("reading events: %w", err)
	}
	return err
}

// EventRow is a line of `events --json`; docs/json.md describes it.
type EventRow struct {
	Time       time.Time         `json:"time"`
	Type       string            `json:"type"`
	Service    string            `json:"service"`
	ID         string            `json:"id"`
	Action     string            `json:"action"`
	Attributes map[string]string `json:"attributes"`
}

// printEvent prints one event in the form of `docker compose events`.
func (a *app) printEvent(e events.Event, asJSON bool) {
	attributes := e.Plain()
	if asJSON {
		_ = terminal.JSON(a.Out).Encode(EventRow{Time: e.Time, Type: "container", Service: e.Service, ID: e.ID, Action: e.Words(), Attributes: attributes})
		return
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		parts = append(parts, name+"="+attributes[name])
	}
	fmt.Fprintf(a.Out, "%s container %s %s (%s)\n", e.Time.Format("2006-01-02 15:04:05.000000"), termtext.Safe(e.Words()), termtext.Safe(e.ID), termtext.Safe(strings.Join(parts, ", ")))
}
