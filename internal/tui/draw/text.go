// Package draw puts text into rectangles of terminal cells: made safe, cut, padded, wrapped and framed, with wide characters measured right.
package draw

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/termtext"
)

// Ellipsis marks where text was cut.
const Ellipsis = "…"

// Width is how many cells s takes; escape sequences take none.
func Width(s string) int { return ansi.StringWidth(s) }

// Cut shortens s to at most width cells and marks the cut.
func Cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if Width(s) <= width {
		return s
	}
	return ansi.Truncate(s, width, Ellipsis)
}

// Left makes s exactly width cells wide, with blanks at its right end.
func Left(s string, width int) string {
	s = Cut(s, width)
	return s + blanks(width-Width(s))
}

// Right makes s exactly width cells wide, with blanks at its left end.
func Right(s string, width int) string {
	s = Cut(s, width)
	return blanks(width-Width(s)) + s
}

func blanks(n int) string { return strings.Repeat(" ", max(n, 0)) }

// maxCluster is how many code points one character may have: families of emoji need ten; more than that is a flood of marks
// that would run over the neighbouring rows.
const maxCluster = 10

// Safe makes untrusted text fit for cells: no control sequences, a tab as wide as four blanks, no flood of marks on one character.
func Safe(text string) string {
	text = strings.ReplaceAll(termtext.Safe(text), "\t", "    ")
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

// thin shortens characters with too many code points to the first one and the number of the others.
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

// Window returns the bytes of text that lie in width cells from cell x on, and how many of the first cells stay blank because a wide
// character begins before x.
func Window(text string, x, width int) (start, end, lead int) {
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

// Wrap breaks plain text into rows of at most width cells.
func Wrap(text string, width int) []string {
	begins := Folds(text, width)
	rows := make([]string, len(begins))
	for i, begin := range begins {
		end := len(text)
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		rows[i] = text[begin:end]
	}
	return rows
}

// Folds returns where Wrap breaks text into rows of width cells: the bytes at which rows begin.
func Folds(text string, width int) []int {
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
