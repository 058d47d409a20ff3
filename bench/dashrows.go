package main

// The rows of the dashboard's table.
const (
	dashFirst     = "first frame"
	dashLost      = "first frame, no engine"
	dashVersion   = "version"
	dashIdleCPU   = "idle CPU"
	dashIdleRSS   = "idle RSS"
	dashIdleMore  = "idle growth"
	dashIdleBytes = "idle bytes"
	dashIdleDraws = "idle frames"
	dashIdleTheir = "idle engine"
	dashGrowth    = "growth"
	dashRate      = "flood rate"
	dashLag       = "lag"
	dashLagP99    = "lag p99"
	dashLagWorst  = "lag worst"
	dashKey       = "key"
	dashKeyP99    = "key p99"
	dashFloodRSS  = "flood RSS"
	dashFloodCPU  = "flood CPU"
	dashFloodDraw = "flood frames"
	dashFloodEng  = "flood engine"
	dashNew       = "new log"
	dashOld       = "old log"
	dashManyFirst = "first frame of 50"
	dashManyCPU   = "idle CPU of 50"
	dashManyRSS   = "idle RSS of 50"
)

// The columns beside stackctl's.
const (
	nothingName = "an empty bubbletea program"
	nothingNote = "**An empty bubbletea program** shows one line of text on the whole screen, and knows nothing of an engine: what the library, with its default of 60 looks a second at whether there is something to draw, and the terminal cost."
	streamName  = "the engine's log stream"
	streamNote  = "**The engine's log stream**, read within the benchmark from the same container right after the dashboard: it counts the lines and reads the time of the newest, and shows nothing. Its processor time is that of the benchmark."
)

// dashRows lists the rows in the order in which they are measured.
func dashRows() []*row {
	limit := func(l float64) bar { return bar{limit: l} }
	return []*row{
		newRow(dashFirst, "from its start to the first frame with the containers' names", milliseconds, limit(150)),
		newRow(dashLost, "the same, no engine there: to its banner", milliseconds, limit(150)),
		newRow(dashVersion, "for comparison: the whole process of `version`", milliseconds),
		newRow(dashIdleCPU, "idle, 3 containers: processor", percent, limit(0.6)),
		newRow(dashIdleRSS, "idle: memory (RSS) at the end", megabytes, limit(35)),
		newRow(dashIdleMore, "idle: growth of it from start to end", megabytes),
		newRow(dashIdleBytes, "idle: written to the terminal", perMinute("bytes")),
		newRow(dashIdleDraws, "idle: frames", perMinute("")),
		newRow(dashIdleTheir, "idle: the engine's own processor", percent),
		newRow(dashGrowth, "idle: growth of memory over 10 minutes", megabytes, limit(1)),
		newRow(dashRate, "flood: lines that the container wrote", perSecond("lines")),
		newRow(dashLag, "flood: the newest line shown is behind, median of frames", milliseconds),
		newRow(dashLagP99, "flood: the same, p99", milliseconds),
		newRow(dashLagWorst, "flood: the same, worst moment, the wait for the next frame included", milliseconds, limit(250)),
		newRow(dashKey, "flood: from a key to its effect, median", milliseconds),
		newRow(dashKeyP99, "flood: the same, p99", milliseconds, limit(50)),
		newRow(dashFloodRSS, "flood: memory (RSS), maximum", megabytes, limit(80)),
		newRow(dashFloodCPU, "flood: processor", percent, limit(50)),
		newRow(dashFloodDraw, "flood: frames", perSecond(""), limit(20)),
		newRow(dashFloodEng, "flood: the engine's own processor", percent),
		newRow(dashNew, "from its start to the first line of a log of one line", milliseconds),
		newRow(dashOld, "the same, 500,000 lines old: to the last of them", milliseconds),
		newRow(dashManyFirst, "50 containers: first frame with their names", milliseconds, limit(300)),
		newRow(dashManyCPU, "50 containers, idle: processor", percent, limit(3)),
		newRow(dashManyRSS, "50 containers, idle: memory (RSS)", megabytes),
	}
}
