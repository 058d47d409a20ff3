package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const readingIt = `## How to read it

- All contenders are measured in turn in each run, first one, then the next, so that a busy moment of the machine meets
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
- A bar compares medians. "The fastest ` + "`--wait`" + `" is the fastest Compose column of that row.
- On a machine that does other work at the same time, trust the multiples more than the numbers.
`

// document is docs/benchmarks.md without the sections that can be made alone.
func (r *report) document() string {
	var s strings.Builder
	fmt.Fprintf(&s, "# Benchmarks\n\nMade by `%s` at commit %s. Written again by `make bench BENCH_FLAGS='-o docs/benchmarks.md'`; not to be edited by hand.\n\n", r.command(), r.commit)
	s.WriteString("## Where and when\n\n")
	for _, f := range r.facts {
		fmt.Fprintf(&s, "- %s: %s\n", f.name, f.value)
	}
	fmt.Fprintf(&s, "\n## Results\n\n%s\n%s\n%s", r.table(), r.footnotes(), readingIt)
	return s.String()
}

// write writes the document again. What this run has not measured stays as it is in the document there is.
func (r *report) write(path string) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the document: %w", err)
	}
	rest, dash := splitSection(string(old), dashTitle)
	rest, changes := splitSection(rest, changesTitle)
	rest, count := splitSection(rest, countTitle)
	if len(r.contenders) > 0 {
		rest = r.document()
	}
	if r.dash != nil {
		dash = r.dash.section(dashTitle, readingDash)
	}
	if r.changes != nil {
		changes = r.changes.section(changesTitle, readingChanges)
	}
	if r.count != nil {
		count = r.count.section(r.command())
	}
	var parts []string
	for _, part := range []string{rest, changes, count, dash} {
		if part = strings.Trim(part, "\n"); part != "" {
			parts = append(parts, part+"\n")
		}
	}
	return os.WriteFile(path, []byte(strings.Join(parts, "\n")), 0o644)
}

// splitSection takes a section with its title out of a document.
func splitSection(document, title string) (rest, section string) {
	before, after, found := strings.Cut(document, title+"\n")
	if !found {
		return document, ""
	}
	body, next, more := strings.Cut(after, "\n## ")
	if more {
		before += "## " + next
	}
	return before, title + "\n" + strings.TrimRight(body, "\n") + "\n"
}

// command is how this measurement was asked for.
func (r *report) command() string {
	words := []string{"go run ./bench"}
	for _, arg := range r.args {
		if strings.ContainsAny(arg, " |$*()") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
