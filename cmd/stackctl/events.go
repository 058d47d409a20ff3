package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
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
		ValidArgsFunction: a.completeRunning,
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
	eng, project, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	if _, err := a.checkNamed(ctx, o.services); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages, errs := eng.Events(ctx, events.ListOptions{Since: since, Until: until, Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", orchestrate.LabelProject+"="+project),
	)})
	for {
		select {
		case m := <-messages:
			service := m.Actor.Attributes[orchestrate.LabelService]
			if m.Actor.Attributes[orchestrate.LabelHelper] == "" && (len(o.services) == 0 || slices.Contains(o.services, service)) {
				a.printEvent(m, o.json)
			}
		case err := <-errs:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil || err.Error() == "EOF" { // --until is reached
				return nil
			}
			return fmt.Errorf("reading events: %w", err)
		}
	}
}

// printEvent prints one event in the form of `docker compose events`.
func (a *app) printEvent(m events.Message, asJSON bool) {
	at := time.Unix(0, m.TimeNano)
	attributes := map[string]string{}
	for name, value := range m.Actor.Attributes {
		if !strings.HasPrefix(name, "com.docker.compose.") && !strings.HasPrefix(name, "dev.stackctl.") {
			attributes[name] = value
		}
	}
	service := m.Actor.Attributes[orchestrate.LabelService]
	if asJSON {
		_ = newJSON(a.Out).Encode(map[string]any{
			"time": at.Format(time.RFC3339Nano), "type": "container", "service": service, "id": m.Actor.ID, "action": m.Action, "attributes": attributes,
		})
		return
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		parts = append(parts, name+"="+attributes[name])
	}
	fmt.Fprintf(a.Out, "%s container %s %s (%s)\n", at.Format("2006-01-02 15:04:05.000000"), termtext.Safe(string(m.Action)), termtext.Safe(m.Actor.ID), termtext.Safe(strings.Join(parts, ", ")))
}
