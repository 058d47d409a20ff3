package rig

import (
	"context"
	"fmt"
	"time"

	"stackctl.dev/stackctl/bench/report"
)

// MeasureLimit bounds one measurement.
const MeasureLimit = 3 * time.Minute

// Contest is a table that contenders fill in turn.
type Contest struct {
	*Rig
	*report.Table
	contenders []*Contender
}

// Contender is a tool with a stack, in a separate project, and its measures.
type Contender struct {
	Name, Project string
	Port          int
	measures      []measure
}

type measure struct {
	row string
	of  func(ctx context.Context) (float64, error)
}

// Contest returns a new contest.
func (r *Rig) Contest(rows []*report.Row) *Contest {
	return &Contest{Rig: r, Table: &report.Table{Runs: r.Runs, Rows: rows}}
}

// Add adds a contender and its column.
func (c *Contest) Add(column report.Column, project string) (*Contender, error) {
	port, err := c.Port()
	contender := &Contender{Name: column.Name, Project: c.Project(project), Port: port}
	c.contenders, c.Columns = append(c.contenders, contender), append(c.Columns, column)
	return contender, err
}

// Set gives a contender its measure, in the unit of its row. In each run the measures come in the order in which they were set.
func (c *Contender) Set(row string, of func(ctx context.Context) (float64, error)) {
	c.measures = append(c.measures, measure{row, of})
}

// Time gives a contender its measure in a row of milliseconds.
func (c *Contender) Time(row string, of func(ctx context.Context) (time.Duration, error)) {
	c.Set(row, func(ctx context.Context) (float64, error) {
		d, err := of(ctx)
		return report.Milli(d), err
	})
}

// Afresh makes a measure begin without containers, networks and volumes; removing them is not measured.
func (c *Contest) Afresh(contender *Contender, of func(ctx context.Context) (time.Duration, error)) func(ctx context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		if err := c.Purge(ctx, contender.Project); err != nil {
			return 0, err
		}
		return of(ctx)
	}
}

// Run runs the measures of each contender in turn, from nothing, and repeats that for each run.
func (c *Contest) Run(ctx context.Context) error {
	for i := range c.Runs {
		for _, contender := range c.contenders {
			fmt.Fprintf(c.Progress, "run %d of %d, %s:", i+1, c.Runs, contender.Name)
			err := c.turn(ctx, contender, fmt.Sprintf("run %d", i+1))
			fmt.Fprintln(c.Progress)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// turn ends with a measure that fails; the table says so.
func (c *Contest) turn(ctx context.Context, contender *Contender, when string) error {
	if err := c.Purge(ctx, contender.Project); err != nil {
		return err
	}
	for _, m := range contender.measures {
		limited, cancel := context.WithTimeout(ctx, MeasureLimit)
		value, err := m.of(limited)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(c.Progress, "\n  %s failed: %v", m.row, err)
			c.Fail(m.row, contender.Name, when, c.Short(err))
			break
		}
		fmt.Fprint(c.Progress, c.Record(m.row, contender.Name, value))
	}
	return c.Purge(ctx, contender.Project)
}
