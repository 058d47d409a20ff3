// Package up measures what it costs to start the embedded stack, to look at it and to take it down, beside the Engine API
// itself and docker compose.
package up

import (
	"context"
	"fmt"
	"os"
	"time"

	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/bench/rig"
)

// The rows that contenders fill, in the order in which each contender goes through them in a run.
const (
	rowUp       = "up"
	rowFirst    = "first 200"
	rowNoop     = "no-op up"
	rowPs       = "ps"
	rowDown     = "down"
	rowUpWait   = "up --wait"
	rowNoopWait = "no-op up --wait"
	rowDownKill = "down -t 0"
	rowBinary   = "binary"
	rowImage    = "image"
)

func rows() []*report.Row {
	return []*report.Row{
		report.NewRow(rowUp, "`up` from nothing until it returns (Compose: `up -d`)", report.Milliseconds, report.OfFloor(1.2)),
		report.NewRow(rowFirst, "from its start until `/count` has answered 200", report.Milliseconds),
		report.NewRow(rowNoop, "`up` with nothing to do", report.Milliseconds, report.AtMost(60)),
		report.NewRow(rowPs, "`ps`", report.Milliseconds, report.AtMost(50)),
		report.NewRow(rowDown, "`down`, default grace", report.Milliseconds, report.OfFloor(1.3)),
		report.NewRow(rowUpWait, "`up` from nothing until ready (Compose: `up -d --wait`)", report.Milliseconds,
			report.OfFloor(1.2), report.OfCompose(0.6, "the fastest `--wait`")),
		report.NewRow(rowNoopWait, "the same with nothing to do", report.Milliseconds, report.AtMost(60)),
		report.NewRow(rowDownKill, "`down -t 0`", report.Milliseconds, report.OfFloor(1.3)),
		report.NewRow(rowBinary, "the stripped binary", report.Megabytes, report.AtMost(32)),
		report.NewRow(rowImage, "the web tier's image", report.Megabytes),
	}
}

const reading = `- All contenders are measured in turn in each run, first one, then the next, so that a busy moment of the machine meets
  all of them. A cell has the median, the fastest and the slowest run, and in bold its multiple of stackctl's median.
- Every contender begins from nothing: no container, network or volume of its project. All images are present.
- A contender goes down the rows in order. It is taken down, its volume removed, and begins from nothing again where the
  row says so; that is not part of any measurement.
- A tool's time is that of its whole process, from its start to its end, without a terminal.
- ` + "`up`" + ` of stackctl returns when the stack is ready, with or without ` + "`--wait`" + `: a request went nginx -> web -> Redis. Each
  of its runs counts only if the first request after it, GET /count, answers exactly ` + "`" + firstVisit + "`" + `
  Compose's ` + "`up -d`" + ` returns when the containers are started; the row below has the time until the first 200.
- The published port is asked only after the tool, or the container's start, has returned: an earlier dial leaves the
  host's neighbour entry unresolved for up to a second.
- A bar compares medians.
- On a machine that does other work at the same time, trust the multiples more than the numbers.
`

// Measure makes the section.
func Measure(ctx context.Context, r *rig.Rig) (report.Section, error) {
	section := r.Section(ctx, "up", "Up and down", reading)
	c := r.Contest(rows())
	ours, err := addStackctl(c)
	if err != nil {
		return section, err
	}
	// What the floor creates is what stackctl has created.
	if _, err := ours.up(ctx); err != nil {
		return section, err
	}
	if err := recordSizes(ctx, c, ours); err != nil {
		return section, err
	}
	if r.Wants(report.Floor) {
		if err := addFloor(ctx, c, ours.Project); err != nil {
			return section, err
		}
	}
	if err := addCompose(ctx, c); err != nil {
		return section, err
	}
	err = c.Run(ctx)
	section.Body = c.String()
	return section, err
}

// stackctl is the measured binary with the embedded stack.
type stackctl struct {
	*rig.Contender
	rig.Program
	began time.Time
}

func addStackctl(c *rig.Contest) (*stackctl, error) {
	contender, err := c.Add(report.Column{Name: report.Stackctl}, "up")
	if err != nil {
		return nil, err
	}
	s := &stackctl{Contender: contender, Program: c.Stackctl(contender.Project, contender.Port)}
	s.Time(rowUp, s.up)
	s.Time(rowFirst, func(context.Context) (time.Duration, error) { return time.Since(s.began), nil }) // up has made sure of it
	s.Time(rowNoop, s.Timing("up"))
	s.Time(rowPs, s.Timing("ps"))
	s.Time(rowDown, s.Timing("down"))
	s.Time(rowUpWait, c.Afresh(contender, s.up))
	s.Time(rowNoopWait, s.Timing("up"))
	s.Time(rowDownKill, s.Timing("down", "-t", "0"))
	return s, nil
}

// up starts the stack. It counts only if the very first request afterwards gets the count 1.
func (s *stackctl) up(ctx context.Context) (time.Duration, error) {
	s.began = time.Now()
	elapsed, err := s.Timing("up")(ctx)
	if err != nil {
		return 0, err
	}
	if err := visit(ctx, s.Port); err != nil {
		return 0, fmt.Errorf("visiting the stack after `up` returned: %w", err)
	}
	return elapsed, nil
}

// recordSizes takes down what is the same in every run.
func recordSizes(ctx context.Context, c *rig.Contest, s *stackctl) error {
	binary, err := os.Stat(c.Binary)
	if err != nil {
		return err
	}
	web, err := c.Engine.ContainerInspect(ctx, s.Project+"-web-1")
	if err != nil {
		return fmt.Errorf("inspecting the web tier: %w", err)
	}
	image, err := c.Engine.ImageInspect(ctx, web.Image)
	if err != nil {
		return fmt.Errorf("inspecting the web tier's image: %w", err)
	}
	c.Record(rowBinary, report.Stackctl, float64(binary.Size())/1e6)
	c.Record(rowImage, report.Stackctl, float64(image.Size)/1e6)
	return nil
}
