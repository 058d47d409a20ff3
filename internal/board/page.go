package board

import (
	"crypto/sha256"
	_ "embed" // the style sheet
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/dashboards"
)

//go:embed page.css
var style string

// policy allows the page's style sheet, and nothing else: no script, no picture, nothing from elsewhere.
var policy = "default-src 'none'; style-src 'sha256-" + hashOf(style) + "'; base-uri 'none'; form-action 'none'"

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// refresh is how often a page that is open asks again, in seconds.
const refresh = 15

type link struct {
	Words, Address string
	Here           bool
}

type row struct {
	Index                         int
	Letter, Name, Last, Mean, Max string
}

type panelView struct {
	Title, Description, Value, Failure, Nothing string
	Picture                                     markup
	Rows                                        []row
	Hidden                                      int
}

type boardView struct {
	Name, Title, Description string
	Stats, Panels            []panelView
}

type markView struct{ When, Class, Sign, Name, Text string }

type pageView struct {
	Project, Title, Failure, Span, Zone string
	Report                              bool
	Links, Ranges                       []link
	Alerts                              []alert
	Boards                              []boardView
	Marks                               []markView
}

func newPage(project string, now time.Time) pageView {
	zone, _ := now.Zone()
	return pageView{Project: clean(project, maxName), Title: "board", Zone: zone}
}

// add adds what was read for a dashboard.
func (v *pageView) add(r *read) {
	b := boardView{Name: r.dashboard.Name, Title: r.dashboard.Title, Description: r.dashboard.Description}
	for i, panel := range r.dashboard.Panels {
		view := r.view(fmt.Sprintf("%s-%d", r.dashboard.Name, i), panel, r.panels[i])
		if panel.Stat {
			b.Stats = append(b.Stats, view)
		} else {
			b.Panels = append(b.Panels, view)
		}
	}
	v.Boards = append(v.Boards, b)
	v.Span = fmt.Sprintf("From %s to %s.", r.start.Format(time.DateTime), r.end.Format(time.DateTime))
	v.Marks = nil
	for _, m := range slices.Backward(r.marks) {
		v.Marks = append(v.Marks, markView{When: m.At.Format(time.DateTime), Class: class(m.Name), Sign: m.Sign, Name: m.Name, Text: m.Text})
	}
}

func (r *read) view(id string, panel dashboards.Panel, found reading) panelView {
	v := panelView{Title: panel.Title, Description: panel.Description, Nothing: nothing(panel), Hidden: found.hidden}
	if found.err != nil {
		v.Failure = clean(found.err.Error(), maxWords)
		return v
	}
	for i, s := range found.series {
		sum, _, high := 0.0, 0, peak(s)
		for _, p := range s.Points {
			sum += p.Value
		}
		v.Rows = append(v.Rows, row{
			Index: i, Letter: letterOf(i), Name: s.Name, Last: text(s.last(), panel.Unit), Mean: text(sum/float64(len(s.Points)), panel.Unit), Max: text(high, panel.Unit),
		})
	}
	switch {
	case len(found.series) == 0:
	case panel.Stat:
		v.Value, v.Picture = text(found.series[0].last(), panel.Unit), spark(found.series[0], r.start, r.end, r.step)
	default:
		c := chart{
			id: id, title: panel.Title, unit: panel.Unit, start: r.start, end: r.end, step: r.step, series: found.series, marks: r.marks, max: panel.Max, limit: panel.Limit,
		}
		v.Picture = c.svg()
	}
	return v
}

// nothing says why there may be no data.
func nothing(panel dashboards.Panel) string {
	switch {
	case panel.Needs != "":
		return "no data: " + panel.Needs + " is off"
	case panel.Quiet:
		return "no data: nothing of it happened in this time"
	}
	return "no data in this time"
}

// links are the addresses of the dashboards, and of one in other ranges.
func links(here dashboards.Dashboard, r Range) (boards, ranges []link) {
	for _, d := range dashboards.All() {
		boards = append(boards, link{Words: d.Title, Address: address(d.Name, r.Name), Here: d.Name == here.Name})
	}
	for _, other := range Ranges {
		words := strings.NewReplacer("m", " min", "h", " h").Replace(other.Name)
		ranges = append(ranges, link{Words: words, Address: address(here.Name, other.Name), Here: other.Name == r.Name})
	}
	return boards, ranges
}

func address(name, inRange string) string { return "/" + name + "?range=" + inRange }
