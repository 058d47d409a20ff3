package live

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// unknown is shown in place of an unknown number.
const unknown = "–"

// event returns a server-sent event: the newest numbers and, unless history is nil, the chart that a new viewer needs.
func (t *track) event(history []rate) []byte {
	count := ""
	if t.known() {
		count = strconv.FormatInt(t.count, 10)
	}
	data, err := json.Marshal(struct {
		Status  string  `json:"status"`
		Reason  string  `json:"reason,omitempty"`
		Count   string  `json:"count"` // a string: JavaScript's numbers are exact only up to 2^53
		Rate    rate    `json:"rate"`
		Sample  int64   `json:"sample"`
		Top     float64 `json:"top"`
		Summary string  `json:"summary"`
		History []rate  `json:"history,omitzero"`
	}{t.status, t.reason, count, t.last(), t.samples, t.top(), t.summary(), history})
	if err != nil {
		return []byte(": no event could be written\n\n") // a comment; cannot happen with numbers and strings
	}
	return fmt.Appendf(nil, "data: %s\n\n", data)
}

// MarshalJSON writes a gap as null.
func (r rate) MarshalJSON() ([]byte, error) {
	if r == gap {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(r), 'f', -1, 64), nil
}

// String formats the rate with one decimal and thousands separators.
func (r rate) String() string {
	if r == gap {
		return unknown
	}
	whole, tenth, _ := strings.Cut(strconv.FormatFloat(float64(r), 'f', 1, 64), ".")
	return grouped(whole) + "." + tenth
}

// summary describes the numbers and the chart in a sentence, for screen readers.
func (t *track) summary() string {
	var b strings.Builder
	if t.status == unavailable {
		b.WriteString(t.reason + ". ")
	}
	if !t.known() {
		b.WriteString("The number of visits is not known yet.")
		return b.String()
	}
	fmt.Fprintf(&b, "%s visits so far.", grouped(strconv.FormatInt(t.count, 10)))
	if r := t.last(); r != gap {
		fmt.Fprintf(&b, " %s visits per second now.", r)
	}
	if mean, peak, ok := t.span(); ok {
		fmt.Fprintf(&b, " Over the last %s: %s on average, %s at most.", minutes(len(t.history)), mean, peak)
	}
	return b.String()
}

func minutes(samples int) string {
	seconds := int(samplePeriod/time.Second) * samples
	switch {
	case seconds >= 120:
		return strconv.Itoa(seconds/60) + " minutes"
	case seconds == 1:
		return "second"
	default:
		return strconv.Itoa(seconds) + " seconds"
	}
}

// grouped inserts thousands separators into a whole number.
func grouped(digits string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// path returns the SVG path of the history: steps in a box of historySize by 100, the newest at the right. A gap is empty.
func (t *track) path() string {
	var b strings.Builder
	top, down := t.top(), false
	for i, r := range t.history {
		x := historySize - len(t.history) + i
		if r == gap {
			if down {
				b.WriteString("V100")
			}
			down = false
			continue
		}
		if !down {
			fmt.Fprintf(&b, "M%d 100", x)
		}
		y := strconv.FormatFloat(100-100*float64(r)/top, 'f', 1, 64)
		fmt.Fprintf(&b, "V%sH%d", strings.TrimSuffix(y, ".0"), x+1)
		down = true
	}
	if down {
		b.WriteString("V100")
	}
	return b.String()
}
