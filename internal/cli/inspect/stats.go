package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/terminal"
)

type statsOptions struct {
	services []string
	once     bool
	format   string
}

func newStatsCmd(a *app) *cobra.Command {
	o := &statsOptions{format: "table"}
	cmd := &cobra.Command{
		Use: "stats [SERVICE...]", Short: "Show what containers use",
		Long:    "Show what running containers use of the processor, memory and network, every 2 seconds until Ctrl-C. On a terminal the table stays in its place.",
		Example: "stackctl stats --no-stream\nstackctl stats --format json web",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			return a.stats(cmd.Context(), o)
		},
		ValidArgsFunction: a.CompleteRunning,
	}
	cmd.Flags().BoolVar(&o.once, "no-stream", false, "print one measurement and end")
	cli.AddChoice(cmd, &o.format, "format", "table or json", "table", "json")
	return cmd
}

// StatsRow is a line of `stats --format json`.
type StatsRow struct {
	Name        string    `json:"name"`
	Service     string    `json:"service"`
	Time        time.Time `json:"time"`
	CPU         float64   `json:"cpu_percent"` // of one core
	Memory      uint64    `json:"memory"`
	MemoryLimit uint64    `json:"memory_limit"`
	Rx          uint64    `json:"rx"`
	Tx          uint64    `json:"tx"`
	PIDs        uint64    `json:"pids"`
}

var (
	errMeasured   = errors.New("measured")
	errUnmeasured = errors.New("measuring containers: the engine has not measured each of them twice in time; try again, and see `stackctl doctor`")
)

func (a *app) stats(ctx context.Context, o *statsOptions) error {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if o.once {
		defer time.AfterFunc(eng.Limit, func() { cancel(errUnmeasured) }).Stop()
	}
	lines, inPlace := 0, !o.once && o.format == "table" && terminal.Is(a.Out)
	var last time.Time
	sink := watch.Sink{State: func(s watch.State) {
		if s.Err != nil { // what follows in it is old
			if o.once {
				cancel(fmt.Errorf("measuring containers: %w; try again, and see `stackctl doctor`", s.Err))
			} else {
				a.Tell("stackctl: " + s.Err.Error() + "; trying again")
			}
			return
		}
		rows, measured := statsRows(s, o.services)
		if len(rows) > 0 && !rows[0].Time.After(last) {
			return
		}
		if !measured && len(s.Containers) > 0 {
			return // the second sample of some is still to come
		}
		if len(rows) > 0 {
			last = rows[0].Time
		}
		if inPlace && lines > 0 {
			fmt.Fprintf(terminal.Raw(a.Out), "\x1b[%dA\x1b[J", lines)
		}
		lines = a.printStats(rows, o.format)
		if o.once {
			cancel(errMeasured)
		}
	}}
	connect := func(context.Context) (watch.Source, watch.Engine, error) {
		return eng, watch.Engine{Context: eng.Context, Address: eng.Address}, nil
	}
	err = watch.Run(ctx, connect, watch.Options{Project: project}, sink)
	if cause := context.Cause(ctx); errors.Is(cause, errMeasured) {
		return nil
	} else if !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// statsRows lists what is measured; measured says that nothing that runs is left out.
func statsRows(s watch.State, services []string) (rows []StatsRow, measured bool) {
	measured = true
	for _, c := range s.Containers {
		if len(services) > 0 && !slices.Contains(services, c.Service) || c.State != "running" {
			continue
		}
		u := c.Usage
		if u == nil {
			measured = false
			continue
		}
		rows = append(rows, StatsRow{Name: c.Name, Service: c.Service, Time: u.At, CPU: u.CPU, Memory: u.Memory, MemoryLimit: u.MemoryLimit, Rx: u.Rx, Tx: u.Tx, PIDs: u.PIDs})
	}
	return rows, measured
}

// printStats prints the rows, and returns how many lines they take.
func (a *app) printStats(rows []StatsRow, format string) (lines int) {
	_ = cli.Rows(a.Out, format, []string{"NAME", "CPU %", "MEM USAGE / LIMIT", "NET I/O", "PIDS"}, rows, func(r StatsRow) []string {
		limit := "none"
		if r.MemoryLimit > 0 {
			limit = units.BytesSize(float64(r.MemoryLimit))
		}
		return []string{
			r.Name, fmt.Sprintf("%.2f%%", r.CPU), units.BytesSize(float64(r.Memory)) + " / " + limit,
			units.HumanSize(float64(r.Rx)) + " / " + units.HumanSize(float64(r.Tx)), strconv.FormatUint(r.PIDs, 10),
		}
	})
	return len(rows) + 1
}
