package main

import "strings"

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

// row is one line of the table: a measure for each contender that has one.
type row struct {
	key, title string
	unit       unit
	once       bool // the same in every run
	bars       []bar
	by         map[string]measure   // by contender
	samples    map[string][]float64 // by contender
	failures   map[string][]string  // by contender
}

// bar is what stackctl has to reach: a limit, or a multiple of the fastest of some contenders.
type bar struct {
	limit   float64                // in the row's unit, if against is nil
	factor  float64                // of the fastest median of those against
	against func(name string) bool // contenders, by name
	whom    string                 // how the bar calls them
}

func isFloor(name string) bool   { return name == floorName }
func isCompose(name string) bool { return strings.Contains(name, "compose") }

func newRow(key, title string, u unit, bars ...bar) *row {
	return &row{
		key: key, title: title, unit: u, bars: bars,
		by: map[string]measure{}, samples: map[string][]float64{}, failures: map[string][]string{},
	}
}

// tableRows lists the rows. A new row goes where its state of the stack is at hand: all of them down to rowDown find the
// stack as rowUp left it.
func tableRows() []*row {
	floor := func(factor float64) bar { return bar{factor: factor, against: isFloor, whom: floorName} }
	rows := []*row{
		newRow(rowUp, "`up` from nothing until it returns (Compose: `up -d`)", milliseconds, floor(1.2)),
		newRow(rowFirst, "from its start until `/count` has answered 200", milliseconds),
		newRow(rowNoop, "`up` with nothing to do", milliseconds, bar{limit: 60}),
		newRow(rowPs, "`ps`", milliseconds, bar{limit: 50}),
		newRow(rowDown, "`down`, default grace", milliseconds, floor(1.3)),
		newRow(rowUpWait, "`up` from nothing until ready (Compose: `up -d --wait`)", milliseconds,
			floor(1.2), bar{factor: 0.6, against: isCompose, whom: "the fastest `--wait`"}),
		newRow(rowNoopWait, "the same with nothing to do", milliseconds, bar{limit: 60}),
		newRow(rowDownKill, "`down -t 0`", milliseconds, floor(1.3)),
		newRow(rowBinary, "the stripped binary", megabytes, bar{limit: 25}),
		newRow(rowImage, "the web tier's image", megabytes),
	}
	for _, r := range rows {
		r.once = r.unit == megabytes
	}
	return rows
}

// set gives a contender its measure in a row. A contender that -only leaves out is nil.
func (b *bench) set(c *contender, key string, m measure) {
	if c == nil {
		return
	}
	for _, r := range b.rows {
		if r.key == key {
			r.by[c.name] = m
		}
	}
}
