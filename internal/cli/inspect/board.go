package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/board"
	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/prometheus"
)

// boardPort is where the board is, unless a flag says otherwise.
const boardPort = 5080

type boardOptions struct {
	port        int
	once, chose string
}

func newBoardCmd(a *app) *cobra.Command {
	o := &boardOptions{}
	cmd := &cobra.Command{
		Use: "board", Short: "Show charts of the stack's metrics in a browser",
		Long: "Serve the stack's dashboards to a browser of this machine, until Ctrl-C. The charts are drawn here, from what the stack's " +
			"Prometheus knows (`up --with monitoring`), which is reached through a tunnel and not published.\n" +
			"--once writes all of them into a file, which needs nothing else.",
		Example: "stackctl board\nstackctl board --port 8080\nstackctl board --once report.html --range 24h",
		Args:    cli.Usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.board(cmd.Context(), o) },
	}
	cmd.Flags().IntVar(&o.port, "port", boardPort, "port on 127.0.0.1; 0 is any that is free")
	cmd.Flags().StringVar(&o.once, "once", "", "write a report to this file and exit; - is standard output")
	var names []string
	for _, r := range board.Ranges {
		names = append(names, r.Name)
	}
	o.chose = board.DefaultRange
	cli.AddChoice(cmd, &o.chose, "range", "with --once: how far back it looks", names...)
	return cmd
}

func (a *app) board(ctx context.Context, o *boardOptions) error {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	client := prometheus.Reach(eng, project)
	defer client.Close()
	b := &board.Board{Project: project, Prometheus: client}
	if o.once != "" {
		return a.report(ctx, b, o)
	}
	cli.LongLived()
	if _, err := client.Alerts(ctx); errors.As(err, new(*prometheus.OffError)) {
		return err
	}
	listening := net.ListenConfig{}
	l, err := listening.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port)))
	if err != nil {
		return fmt.Errorf("serving the board: %w; choose another port with --port", err)
	}
	fmt.Fprintf(a.Out, "http://%s/\n", l.Addr())
	fmt.Fprintf(a.Err, "The board of project %q. Ctrl-C ends it.\n", project)
	return b.Serve(ctx, l)
}

// report writes the file at once, so that none is left that ends in the middle.
func (a *app) report(ctx context.Context, b *board.Board, o *boardOptions) error {
	r, _ := board.FindRange(o.chose)
	var content bytes.Buffer
	if err := b.Report(ctx, &content, r); err != nil {
		return err
	}
	if o.once == "-" {
		_, err := a.Out.Write(content.Bytes())
		return err
	}
	if err := os.WriteFile(o.once, content.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	fmt.Fprintf(a.Err, "Wrote %q.\n", o.once)
	return nil
}
