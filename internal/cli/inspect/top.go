package inspect

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/termtext"
)

func newTopCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "top [SERVICE...]", Short: "List the processes of running containers",
		Example: "stackctl top nginx",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.top(cmd.Context(), args) }, ValidArgsFunction: a.CompleteRunning,
	}
}

func (a *app) top(ctx context.Context, services []string) error {
	eng, chosen, err := a.OpenChosen(ctx, services)
	if err != nil {
		return err
	}
	defer eng.Close()
	table := tabwriter.NewWriter(a.Out, 0, 0, 3, ' ', 0)
	defer func() { _ = table.Flush() }()
	for i, c := range chosen {
		if c.State != "running" {
			continue
		}
		top, err := eng.ContainerTop(ctx, c.ID, nil)
		if err != nil {
			return fmt.Errorf("listing the processes of container %q: %w", c.Name, err)
		}
		if i == 0 {
			fmt.Fprintln(table, "SERVICE\t#\t"+termtext.Safe(strings.Join(top.Titles, "\t")))
		}
		for _, process := range top.Processes {
			fmt.Fprintf(table, "%s\t%d\t%s\n", termtext.Safe(c.Service), c.Number, termtext.Safe(strings.Join(process, "\t")))
		}
	}
	return nil
}

func newPortCmd(a *app) *cobra.Command {
	protocol, index := "tcp", 1
	cmd := &cobra.Command{
		Use: "port SERVICE PRIVATE_PORT", Short: "Print where a container's port is published",
		Example: "stackctl port nginx 5002", Args: cli.Usage(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := strconv.ParseUint(args[1], 10, 16)
			if err != nil {
				return cli.Wrong("reading port %q: use 1 to 65535", args[1])
			}
			return a.port(cmd.Context(), args[0], uint16(port), protocol, index)
		},
		ValidArgsFunction: a.CompleteRunning,
	}
	cmd.Flags().StringVar(&protocol, "protocol", "tcp", "tcp or udp")
	cmd.Flags().IntVar(&index, "index", 1, "number of the replica, from 1")
	return cmd
}

func (a *app) port(ctx context.Context, service string, port uint16, protocol string, index int) error {
	eng, chosen, err := a.OpenChosen(ctx, []string{service})
	if err != nil {
		return err
	}
	defer eng.Close()
	for _, c := range chosen {
		for _, p := range c.Ports {
			if c.Number == index && p.PrivatePort == port && p.Type == protocol && p.PublicPort != 0 {
				fmt.Fprintf(a.Out, "%s:%d\n", p.IP, p.PublicPort)
				return nil
			}
		}
	}
	return fmt.Errorf("finding port %d/%s of service %q: replica %d does not publish it; `stackctl ps` shows what is published", port, protocol, service, index)
}
