package logpane

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
)

// maxCluster is of how many code points one character may be made: families of emoji need ten; more than that is a flood of marks
// that would run over the neighbouring rows.
const maxCluster = 10

// plain makes untrusted text fit for cells.
func plain(text string) string {
	text = draw.Plain(termtext.Safe(text))
	if ascii(text) {
		return text
	}
	return thin(text)
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// thin writes of a character with too many code points only the first, and how many follow.
func thin(text string) string {
	var b strings.Builder
	copied := 0
	for at := 0; at < len(text); {
		n, _ := cluster(text[at:])
		if runes := n; runes > maxCluster { // bytes are at least as many as code points
			if runes = utf8.RuneCountInString(text[at : at+n]); runes > maxCluster {
				_, size := utf8.DecodeRuneInString(text[at:])
				b.WriteString(text[copied : at+size])
				fmt.Fprintf(&b, "[+%d marks]", runes-1)
				copied = at + n
			}
		}
		at += n
	}
	if copied == 0 {
		return text
	}
	b.WriteString(text[copied:])
	return b.String()
}

// cluster returns the bytes and the cells of the first character.
func cluster(text string) (size, width int) {
	if text[0] < utf8.RuneSelf && (len(text) == 1 || text[1] < utf8.RuneSelf) {
		return 1, 1
	}
	c, width := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
	return max(len(c), 1), width
}

// window returns the bytes of text that lie in width cells from cell x on, and how many of the first cells stay blank because a wide
// character begins before x.
func window(text string, x, width int) (start, end, lead int) {
	if ascii(text) {
		start = min(x, len(text))
		return start, min(start+width, len(text)), 0
	}
	at, cell := 0, 0
	for at < len(text) && cell < x {
		n, w := cluster(text[at:])
		at += n
		cell += w
	}
	start, lead = at, max(cell-x, 0)
	for at < len(text) {
		n, w := cluster(text[at:])
		if cell+w > x+width {
			break
		}
		at += n
		cell += w
	}
	return start, at, lead
}

// folds returns where text is broken into rows of width cells: the bytes at which rows begin.
func folds(text string, width int) []int {
	rows := []int{0}
	width = max(width, 1)
	if ascii(text) {
		for at := width; at < len(text); at += width {
			rows = append(rows, at)
		}
		return rows
	}
	cell := 0
	for at := 0; at < len(text); {
		n, w := cluster(text[at:])
		if cell+w > width && cell > 0 {
			rows = append(rows, at)
			cell = 0
		}
		at += n
		cell += w
	}
	return rows
}

// paint is a style as the sequences before and after its text: rendering every piece of every row would cost too much.
type paint struct{ on, off string }

func paintOf(s lipgloss.Style) paint {
	on, off, _ := strings.Cut(s.Render("x"), "x")
	return paint{on, off}
}

func (c paint) write(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	b.WriteString(c.on)
	b.WriteString(text)
	b.WriteString(c.off)
}

// highlight writes text[start:end], with the marked parts in another paint.
func highlight(b *strings.Builder, text string, start, end int, marks [][]int, base, mark paint) {
	at := start
	for _, m := range marks {
		from, to := max(m[0], at), min(m[1], end)
		if from >= to {
			continue
		}
		base.write(b, text[at:from])
		mark.write(b, text[from:to])
		at = to
	}
	base.write(b, text[at:max(at, end)])
}
