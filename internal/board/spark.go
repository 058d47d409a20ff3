package board

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The size of a small line; the page stretches it.
const sparkW, sparkH = 200.0, 40.0

// spark draws a small line without axes.
func spark(s Series, start, end time.Time, step time.Duration) markup {
	low, high := bounds([]Series{s})
	low, high = min(low, 0), max(high, low+1e-12, 1e-12)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" viewBox="0 0 %g %g" preserveAspectRatio="none" aria-hidden="true">`, sparkW, sparkH)
	for run := range runs(s.Points, step) {
		var line strings.Builder
		for j, p := range run {
			verb := "L"
			if j == 0 {
				verb = "M"
			}
			fmt.Fprintf(&line, "%s%.1f %.1f", verb, sparkW*float64(p.At.Sub(start))/float64(end.Sub(start)), 2+(sparkH-2)*(high-p.Value)/(high-low))
		}
		first, last := run[0].At, run[len(run)-1].At
		fmt.Fprintf(&b, `<path class="area a0" d="%sL%.1f %gL%.1f %gZ"/><path class="line s0" d="%s"/>`, line.String(),
			sparkW*float64(last.Sub(start))/float64(end.Sub(start)), sparkH, sparkW*float64(first.Sub(start))/float64(end.Sub(start)), sparkH, line.String())
	}
	b.WriteString("</svg>")
	return markup(b.String())
}

func (s Series) last() float64 { return s.Points[len(s.Points)-1].Value }

// bounds are the least and the greatest value.
func bounds(series []Series) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, p := range s.Points {
			low, high = min(low, p.Value), max(high, p.Value)
		}
	}
	if math.IsInf(low, 1) {
		return 0, 0
	}
	return low, high
}
