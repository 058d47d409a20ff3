package dash

import "stackctl.dev/stackctl/bench/report"

const (
	rowFirst      = "first frame"
	rowLost       = "first frame, no engine"
	rowVersion    = "version"
	rowIdleCPU    = "idle CPU"
	rowIdleRSS    = "idle RSS"
	rowIdleMore   = "idle growth"
	rowIdleBytes  = "idle bytes"
	rowIdleFrames = "idle frames"
	rowIdleEngine = "idle engine"
	rowGrowth     = "growth"

	rowRate        = "flood rate"
	rowLag         = "lag"
	rowLagP99      = "lag p99"
	rowLagWorst    = "lag worst"
	rowKey         = "key"
	rowKeyP99      = "key p99"
	rowFloodRSS    = "flood RSS"
	rowFloodCPU    = "flood CPU"
	rowFloodFrames = "flood frames"
	rowFloodEngine = "flood engine"

	rowNew       = "new log"
	rowOld       = "old log"
	rowManyFirst = "first frame of 50"
	rowManyCPU   = "idle CPU of 50"
	rowManyRSS   = "idle RSS of 50"
)

// rows are in the order in which they are measured.
func rows() []*report.Row {
	return []*report.Row{
		report.NewRow(rowFirst, "from its start to the first frame with the containers' names", report.Milliseconds, report.AtMost(150)),
		report.NewRow(rowLost, "the same, no engine there: to its banner", report.Milliseconds, report.AtMost(150)),
		report.NewRow(rowVersion, "for comparison: the whole process of `version`", report.Milliseconds),
		report.NewRow(rowIdleCPU, "idle, 3 containers: processor", report.Percent, report.AtMost(0.6)),
		report.NewRow(rowIdleRSS, "idle: memory (RSS) at the end", report.Megabytes, report.AtMost(35)),
		report.NewRow(rowIdleMore, "idle: growth of it from start to end", report.Megabytes),
		report.NewRow(rowIdleBytes, "idle: written to the terminal", report.Unit("bytes/min")),
		report.NewRow(rowIdleFrames, "idle: frames", report.Unit("/min")),
		report.NewRow(rowIdleEngine, "idle: the engine's own processor", report.Percent),
		report.NewRow(rowGrowth, "idle: growth of memory over 10 minutes", report.Megabytes, report.AtMost(1)),
		report.NewRow(rowRate, "flood: lines that the container wrote", report.Unit("lines/s")),
		report.NewRow(rowLag, "flood: the newest line shown is behind, median of frames", report.Milliseconds),
		report.NewRow(rowLagP99, "flood: the same, p99", report.Milliseconds),
		report.NewRow(rowLagWorst, "flood: the same, worst moment, the wait for the next frame included", report.Milliseconds, report.AtMost(250)),
		report.NewRow(rowKey, "flood: from a key to its effect, median", report.Milliseconds),
		report.NewRow(rowKeyP99, "flood: the same, p99", report.Milliseconds, report.AtMost(50)),
		report.NewRow(rowFloodRSS, "flood: memory (RSS), maximum", report.Megabytes, report.AtMost(80)),
		report.NewRow(rowFloodCPU, "flood: processor", report.Percent, report.AtMost(50)),
		report.NewRow(rowFloodFrames, "flood: frames", report.Unit("/s"), report.AtMost(20)),
		report.NewRow(rowFloodEngine, "flood: the engine's own processor", report.Percent),
		report.NewRow(rowNew, "from its start to the first line of a log of one line", report.Milliseconds),
		report.NewRow(rowOld, "the same, 500,000 lines old: to the last of them", report.Milliseconds),
		report.NewRow(rowManyFirst, "50 containers: first frame with their names", report.Milliseconds, report.AtMost(300)),
		report.NewRow(rowManyCPU, "50 containers, idle: processor", report.Percent, report.AtMost(3)),
		report.NewRow(rowManyRSS, "50 containers, idle: memory (RSS)", report.Megabytes),
	}
}

const reading = `- stackctl is measured from outside: it runs in a terminal whose screen the benchmark emulates; what is written there is
  dated as it arrives. The emulator runs on the same cores.
- A time from the start counts from before the process is created until the piece of output that completes what is waited for.
- Processor time is of one core, of the process alone, from /proc. What the engine does for it is in a separate row.
- The flood is a container of the project that prints numbered, dated lines; the pane that follows all logs fills the screen.
  "Behind" is the time of a frame's arrival less the time printed in the newest line that it shows; the worst moment is right
  before the next frame.
- A key's effect is a word that comes and goes with it. The keys are pressed at random times, about two a second.
- A burst of output after 5 ms of silence is a frame.
`
