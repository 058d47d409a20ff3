package draw

import "strings"

// digits are drawn in three rows of three cells.
var digits = map[rune][3]string{
	'0': {"█▀█", "█ █", "▀▀▀"}, '1': {"▀█ ", " █ ", "▀▀▀"}, '2': {"▀▀█", "█▀▀", "▀▀▀"}, '3': {"▀▀█", " ▀█", "▀▀▀"}, '4': {"█ █", "▀▀█", "  ▀"},
	'5': {"█▀▀", "▀▀█", "▀▀▀"}, '6': {"█▀▀", "█▀█", "▀▀▀"}, '7': {"▀▀█", "  █", "  ▀"}, '8': {"█▀█", "█▀█", "▀▀▀"}, '9': {"█▀█", "▀▀█", "▀▀▀"},
	',': {" ", " ", "▄"}, '-': {"   ", "▀▀▀", "   "}, ' ': {" ", " ", " "},
}

// BigRows is the height of what Big draws.
const BigRows = 3

// Big draws a number in large digits.
func Big(number string) [BigRows]string {
	var rows [BigRows]string
	for i, r := range number {
		for row := range rows {
			if i > 0 {
				rows[row] += " "
			}
			rows[row] += digits[r][row]
		}
	}
	return rows
}

var blocks = []rune(" ▁▂▃▄▅▆▇█")

// Bars draws one column for each value, height rows high, the highest value filling them. A value that is not zero shows at
// least the lowest block; NaN (nothing known) stays blank.
func Bars(values []float64, height int) []string {
	most := 0.0
	for _, v := range values {
		most = max(most, zeroNaN(v))
	}
	rows := make([]string, max(height, 0))
	var b strings.Builder
	for row := range rows {
		b.Reset()
		floor := (height - 1 - row) * 8 // eighths below this row
		for _, v := range values {
			v = zeroNaN(v)
			eighths := 0
			if v > 0 {
				eighths = max(int(v/most*float64(height*8)+0.5), 1)
			}
			b.WriteRune(blocks[min(max(eighths-floor, 0), 8)])
		}
		rows[row] = b.String()
	}
	return rows
}

func zeroNaN(v float64) float64 {
	if v != v {
		return 0
	}
	return v
}

// Gauge draws a share of width cells, in eighths.
func Gauge(share float64, width int) string {
	share = min(max(zeroNaN(share), 0), 1)
	eighths := int(share*float64(width*8) + 0.5)
	full := eighths / 8
	out := strings.Repeat("█", full)
	if full < width && eighths%8 > 0 {
		out += string([]rune("▏▎▍▌▋▊▉")[eighths%8-1])
		full++
	}
	return out + strings.Repeat("·", width-full)
}
