package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
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
	o := &psOptions{format: "table"}
	cmd := &cobra.Command{
		Use: "ps [SERVICE...]", Short: "List the stack's containers",
		Long:    "List the stack's containers, found by their labels: no Compose file is needed. Stopped ones are shown with --all.\nThe JSON form is described in docs/json.md.",
		Example: "stackctl ps\nstackctl ps --all --format json\ndocker stats $(stackctl ps -q)",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			if o.filter != "" {
				state, ok := strings.CutPrefix(o.filter, "status=")
				if !ok {
					return cli.Wrong("checking --filter %q: use status=STATE", o.filter)
				}
				o.status = append(o.status, state)
			}
			return a.ps(cmd.Context(), o)
		},
		ValidArgsFunction: a.CompleteRunning,
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "show stopped containers too")
	cli.AddChoice(cmd, &o.format, "format", "table or json", "table", "json")
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "print container IDs only")
	cmd.Flags().BoolVar(&o.names, "services", false, "print the services' names only")
	cmd.Flags().StringArrayVar(&o.status, "status", nil, "only containers in this state, such as running or exited; repeatable")
	cmd.Flags().StringVar(&o.filter, "filter", "", "the same as --status STATE, as status=STATE")
	return cmd
}

func (a *app) ps(ctx context.Context, o *psOptions) error {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	declared, err := a.CheckNamed(ctx, o.services)
	if err != nil {
		return err
	}
	list, err := observe.Statuses(ctx, eng, project)
	if err != nil {
		return err
	}
	for _, service := range o.services {
		if !declared && !slices.ContainsFunc(list, func(s observe.Status) bool { return s.Service == service }) {
			return observe.NoContainers(service, project)
		}
	}
	list = slices.DeleteFunc(list, func(s observe.Status) bool {
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
	}
	replicas := map[string]int{}
	var rows []PsRow
	for _, s := range list {
		replicas[s.Service]++
		rows = append(rows, rowOf(s, project))
	}
	if o.format == "json" {
		addCertificate(ctx, eng, project, list, rows)
	} else if chosen, err := kept.LoadSettings(ctx, eng, project); err == nil {
		if message, on := chosen.Maintenance(); on {
			a.Tell("maintenance is on: " + message)
		}
	}
	heads := []string{"NAME", "SERVICE", "REPLICA", "STATE", "HEALTH", "UPTIME", "RESTARTS", "IMAGE", "PORTS"}
	return cli.Rows(a.Out, o.format, heads, rows, func(row PsRow) []string { return row.cells(replicas[row.Service]) })
}

// addCertificate adds the state of the certificate to the rows of the certs tier. A state that cannot be read is left out.
func addCertificate(ctx context.Context, r observe.Reader, project string, list []observe.Status, rows []PsRow) {
	observed := &observe.Observed{Project: project}
	for _, s := range list {
		observed.Containers = append(observed.Containers, s.Container)
	}
	status, ok, err := observed.Certificate(ctx, r)
	if err != nil || !ok {
		return
	}
	left := int(status.Left(time.Now()) / (24 * time.Hour))
	for i := range rows {
		if rows[i].Service == observe.CertsService {
			rows[i].CertificateNotAfter, rows[i].CertificateDaysLeft = &status.NotAfter, &left
		}
	}
}

// PsRow is a line of `ps --format json`; its keys are those of docker compose.
type PsRow struct {
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
	// CertificateNotAfter is when the stack's certificate expires, CertificateDaysLeft how many days that are: of the certs tier.
	CertificateNotAfter *time.Time `json:",omitempty"`
	CertificateDaysLeft *int       `json:",omitempty"`
	ports               string     // as the table has them
}

type publisher struct {
	URL           string
	TargetPort    uint16
	PublishedPort uint16
	Protocol      string
}

// rowOf is a container as `ps` prints it.
func rowOf(s observe.Status, project string) PsRow {
	row := PsRow{
		ID: s.ID, Name: s.Name, Project: project, Service: s.Service, Number: s.Number, Image: s.Image, Command: s.Command,
		State: s.State, Status: s.Status, Health: s.Health, ExitCode: s.ExitCode, RestartCount: s.Restarts,
		CreatedAt: s.Created, Publishers: []publisher{}, ports: strings.Join(s.PortText(), ", "),
	}
	if !s.StartedAt.IsZero() {
		row.StartedAt = &s.StartedAt
	}
	for _, p := range s.Ports {
		row.Publishers = append(row.Publishers, publisher{URL: p.IP, TargetPort: p.PrivatePort, PublishedPort: p.PublicPort, Protocol: p.Type})
	}
	return row
}

// cells are the row's in the table, beside so many replicas.
func (r PsRow) cells(replicas int) []string {
	state, uptime := r.State, "-"
	switch r.State {
	case "exited":
		state = fmt.Sprintf("exited (%d)", r.ExitCode)
	case "running":
		uptime = units.HumanDuration(time.Since(*r.StartedAt))
	}
	return []string{
		r.Name, r.Service, fmt.Sprintf("%d/%d", r.Number, replicas), state, cmp.Or(r.Health, "-"), uptime, strconv.Itoa(r.RestartCount), r.Image, r.ports,
	}
}
