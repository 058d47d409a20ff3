package data

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/history"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
)

type visitsOptions struct {
	since, by, format string
}

func newVisitsCmd(a *app) *cobra.Command {
	o := visitsOptions{since: "24h", format: "table"}
	cmd := &cobra.Command{
		Use: "visits", Short: "Show the history of visits",
		Long: "Show how many visits there were, by minute, hour or day (UTC), with a chart, and when the counter was reset or changed.\n" +
			"The history is in PostgreSQL: `stackctl up --with database` turns it on.",
		Example: "stackctl visits\nstackctl visits --since 30d --by day\nstackctl visits --since 2h --format csv > visits.csv",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			since, by, err := o.read(time.Now())
			if err != nil {
				return err
			}
			return a.visits(cmd.Context(), since, by, o.format)
		},
	}
	cmd.Flags().StringVar(&o.since, "since", o.since, "begin this long ago, such as 90m, 24h or 30d, or at a time such as 2026-01-31")
	cli.AddChoice(cmd, &o.by, "by", "minute, hour or day (default: what suits --since)", history.ByMinute, history.ByHour, history.ByDay)
	cli.AddChoice(cmd, &o.format, "format", "table, json or csv", "table", "json", "csv")
	return cmd
}

// read checks the flags.
func (o visitsOptions) read(now time.Time) (since time.Time, by string, err error) {
	since, err = parseSince(o.since, now)
	if err != nil {
		return since, "", cli.Wrong("checking --since %q: use a duration such as 90m, 24h or 30d, or a time such as 2026-01-31 or %s", o.since, now.UTC().Format(time.RFC3339))
	}
	if by = o.by; by == "" {
		by = history.For(now.Sub(since))
	}
	step, _ := history.Step(by)
	if n := now.Sub(since) / step; n > history.MaxIntervals {
		return since, "", cli.Wrong("checking --since %q: %d intervals are more than %d; sum them with --by day", o.since, n, history.MaxIntervals)
	}
	return since, by, nil
}

func parseSince(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil && at.Before(now) {
			return at, nil
		}
	}
	return time.Time{}, errors.New("no time")
}

func (a *app) visits(ctx context.Context, since time.Time, by, format string) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	return a.onHistory(ctx, func(client *history.Client, _ *engine.Engine, _ string) error {
		found, err := client.Visits(ctx, since, by)
		if err != nil {
			return historyError(err)
		}
		found.Intervals = found.Fill()
		switch format {
		case "json":
			return terminal.JSON(a.Out).Encode(found)
		case "csv":
			return writeCSV(a.Out, found)
		}
		width := 80
		if columns, _ := terminal.Size(a.Out); columns > 0 {
			width = columns
		}
		fmt.Fprint(a.Out, visitsTable(found, width))
		a.tellBehind(found.State, time.Now())
		return nil
	})
}

// onHistory runs f with a way to the history of visits.
func (a *app) onHistory(ctx context.Context, f func(client *history.Client, eng *engine.Engine, project string) error) error {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	if err := cli.NeedHistory(ctx, eng, project); err != nil {
		return err
	}
	client := history.NewClient(func(ctx context.Context) (net.Conn, error) { return eng.DialService(ctx, project, history.Address) })
	defer client.Close()
	return f(client, eng, project)
}

// historyError names the next step.
func historyError(err error) error {
	var away *history.AwayError
	if errors.As(err, &away) {
		return fmt.Errorf("%w; visits are counted all the same and wait in Redis (%s); see `stackctl logs postgres archive`", err, draw.Count(away.State.Behind))
	}
	return fmt.Errorf("%w; see `stackctl logs archive`", err)
}

// lateAfter is how far the history may be behind without a word: where there was nothing new for a while, it is noted every 10 s.
const lateAfter = 30 * time.Second

// tellBehind says how far the history is behind, and what Redis has lost.
func (a *app) tellBehind(s history.State, now time.Time) {
	if s.Behind > 0 && now.Sub(s.Since) > lateAfter {
		a.Tell(fmt.Sprintf("stackctl: the history is behind: %s visits since %s are in Redis only", draw.Count(s.Behind), s.Since.UTC().Format(time.DateTime)))
	}
	if s.Loss != nil {
		a.Tell(fmt.Sprintf("stackctl: Redis lost the counter, which was %s; `stackctl restore visits` goes on above it", draw.Count(s.Loss.Counter)))
	}
}

func writeCSV(out io.Writer, v *history.Visits) error {
	w := csv.NewWriter(out)
	rows := [][]string{{"at", "visits"}}
	for _, i := range v.Intervals {
		rows = append(rows, []string{i.At.UTC().Format(time.RFC3339), strconv.FormatInt(i.Visits, 10)})
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("writing the visits: %w", err)
	}
	return nil
}

// visitsTable draws a bar for each interval, and the events between them.
func visitsTable(v *history.Visits, width int) string {
	layout := map[string]string{history.ByMinute: "2006-01-02 15:04", history.ByHour: "2006-01-02 15:04", history.ByDay: time.DateOnly}[v.By]
	var most int64
	wide := len("VISITS")
	for _, i := range v.Intervals {
		most, wide = max(most, i.Visits), max(wide, len(draw.Count(i.Visits)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s  %*s\n", len(layout), "UTC", wide, "VISITS")
	room := min(max(width-len(layout)-wide-5, 10), 60)
	for _, i := range v.Intervals {
		line := fmt.Sprintf("%s  %*s  %s", i.At.UTC().Format(layout), wide, draw.Count(i.Visits), bar(i.Visits, most, room))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprintf(&b, "%-*s  %*s\n", len(layout), "in all", wide, draw.Count(v.Total))
	if len(v.Events) > 0 {
		b.WriteString("\nUTC                  EVENT      COUNTER\n")
	}
	for _, e := range v.Events {
		change := draw.Count(e.From) + " -> " + draw.Count(e.To)
		if e.From == e.To {
			change = draw.Count(e.To)
		}
		fmt.Fprintf(&b, "%s  %-9s  %s\n", e.At.UTC().Format(time.DateTime), termtext.Safe(e.Kind), change)
	}
	return b.String()
}

// bar draws a share of most, in eighths of a cell; what is not zero shows.
func bar(n, most int64, width int) string {
	if n <= 0 || most <= 0 {
		return ""
	}
	eighths := max(int(float64(n)/float64(most)*float64(width*8)+0.5), 1)
	out := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		out += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return out
}
