package main

import (
	"fmt"
	"strings"
)

const dashTitle = "## The dashboard"

const readingDash = `- stackctl is measured from outside: it runs in a terminal whose screen the benchmark emulates; what is written there is
  dated as it arrives. The emulator runs on the same cores.
- A time from the start counts from before the process is made until the piece of output that completes what is waited for.
- Processor time is of one core, of the process alone, from /proc. What the engine does for it stands in a row of its own.
- The flood is a container of the project that prints numbered, dated lines; the pane that follows all logs fills the screen.
  "Behind" is the time of a frame's arrival less the time printed in the newest line that it shows; the worst moment is right
  before the next frame.
- A key's effect is a word that comes and goes with it. The keys are pressed at random times, about two a second.
- A burst of output after 5 ms of silence is a frame.
`

// section is a part of the document.
func (r *report) section(title, reading string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n\nMade by `%s` at commit %s.\n\n", title, r.command(), r.commit)
	for _, f := range r.facts {
		fmt.Fprintf(&s, "- %s: %s\n", f.name, f.value)
	}
	fmt.Fprintf(&s, "\n%s\n%s\n%s", r.table(), r.footnotes(), reading)
	return s.String()
}
