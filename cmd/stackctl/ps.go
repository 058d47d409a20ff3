package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/termtext"
)

type psOptions struct {
	services []string
	all      bool
	format   string
	quiet    bool
	names    bool
	status   []string
	filter   string
}

func newPsCmd(a *app) *cobra.Command {
	o := &psOptions{}
	cmd := &cobra.Command{
		Use: "ps [SERVICE...]", Short: "List the stack's containers",
		Long:    "List the stack's containers, found by their labels: no Compose file is needed. Stopped ones are shown with --all.\nThe JSON form is described in docs/json.md.",
		Example: "stackctl ps\nstackctl ps --all --format json\ndocker stats $(stackctl ps -q)",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			if err := oneOf("format", o.format, "table", "json"); err != nil {
				return err
			}
			if o.filter != "" {
				state, ok := strings.CutPrefix(o.filter, "status=")
				if !ok {
					return usageError{fmt.Errorf("checking --filter %q: use status=STATE", o.filter)}
				}
				o.status = append(o.status, state)
			}
			return a.ps(cmd.Context(), o)
		},
		ValidArgsFunction: a.completeRunning,
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "show stopped containers too")
	cmd.Flags().StringVar(&o.format, "format", "table", "table or json")
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "print container IDs only")
	cmd.Flags().BoolVar(&o.names, "services", false, "print the services' names only")
	cmd.Flags().StringArrayVar(&o.status, "status", nil, "only containers in this state, such as running or exited; repeatable")
	cmd.Flags().StringVar(&o.filter, "filter", "", "the same as --status STATE, as status=STATE")
	return cmd
}

func (a *app) ps(ctx context.Context, o *psOptions) error {
	eng, project, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	declared, err := a.checkNamed(ctx, o.services)
	if err != nil {
		return err
	}
	list, err := orchestrate.Statuses(ctx, eng, project)
	if err != nil {
		return err
	}
	for _, service := range o.services {
		if !declared && !slices.ContainsFunc(list, func(s orchestrate.Status) bool { return s.Service == service }) {
			return fmt.Errorf("finding service %q: project %q has no containers of it", service, project)
		}
	}
	list = slices.DeleteFunc(list, func(s orchestrate.Status) bool {
		if s.Helper() && !o.all {
			return true
		}
		if len(o.status) > 0 && !slices.Contains(o.status, s.State) {
			return true
		}
		return (!o.all && len(o.status) == 0 && !s.Running() && s.State != "paused") || (len(o.services) > 0 && !slices.Contains(o.services, s.Service))
	})
	switch {
	case o.names:
		var names []string
		for _, s := range list {
			if !slices.Contains(names, s.Service) {
				names = append(names, s.Service)
				fmt.Fprintln(a.Out, termtext.Safe(s.Service))
			}
		}
		return nil
	case o.quiet:
		for _, s := range list {
			fmt.Fprintln(a.Out, s.ID)
		}
		return nil
	case o.format == "json":
		return a.psJSON(list, project)
	}
	return a.psTable(list)
}

// psRow is a line of `ps --format json`; its keys are those of docker compose.
type psRow struct {
	ID           string
	Name         string
	Project      string
	Service      string
	Number       int
	Image        string
	Command      string
	State        string
	Status       string
	Health       string
	ExitCode     int
	RestartCount int
	CreatedAt    time.Time
	StartedAt    *time.Time `json:",omitempty"`
	Publishers   []publisher
}

type publisher struct {
	URL           string
	TargetPort    uint16
	PublishedPort uint16
	Protocol      string
}

func (a *app) psJSON(list []orchestrate.Status, project string) error {
	encoder := newJSON(a.Out)
	for _, s := range list {
		row := psRow{
			ID: s.ID, Name: s.Name, Project: project, Service: s.Service, Number: s.Number, Image: s.Image, Command: s.Command,
			State: s.State, Status: s.Status, Health: s.Health, ExitCode: s.ExitCode, RestartCount: s.Restarts,
			CreatedAt: s.Created, Publishers: []publisher{},
		}
		if !s.StartedAt.IsZero() {
			row.StartedAt = &s.StartedAt
		}
		for _, p := range s.Ports {
			row.Publishers = append(row.Publishers, publisher{URL: p.IP, TargetPort: p.PrivatePort, PublishedPort: p.PublicPort, Protocol: p.Type})
		}
		if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) psTable(list []orchestrate.Status) error {
	replicas := map[string]int{}
	for _, s := range list {
		replicas[s.Service]++
	}
	w := tabwriter.NewWriter(a.Out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tSERVICE\tREPLICA\tSTATE\tHEALTH\tUPTIME\tRESTARTS\tIMAGE\tPORTS")
	for _, s := range list {
		health, uptime := s.Health, "-"
		if health == "" {
			health = "-"
		}
		if s.Running() {
			uptime = units.HumanDuration(time.Since(s.StartedAt))
		}
		state := s.State
		if s.State == "exited" {
			state = fmt.Sprintf("exited (%d)", s.ExitCode)
		}
		fmt.Fprintf(w, "%s\t%s\t%d/%d\t%s\t%s\t%s\t%d\t%s\t%s\n", termtext.Safe(s.Name), termtext.Safe(s.Service), s.Number, replicas[s.Service],
			state, health, uptime, s.Restarts, termtext.Safe(s.Image), termtext.Safe(strings.Join(s.PortText(), ", ")))
	}
	return w.Flush()
}
