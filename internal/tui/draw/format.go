package draw

import (
	"fmt"
	"strconv"
	"time"
)

// Count writes a number with separators: 1,234,567.
func Count[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Rate writes a rate to about three digits: 0, 0.4, 12.3, 1,234.
func Rate(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return "0"
	case perSecond < 0.05:
		return "<0.1"
	case perSecond < 99.95:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return Count(int64(perSecond + 0.5))
}

// Bytes writes a size in binary units, to two digits or more: 512B, 8.4M, 12M, 1.1G.
func Bytes(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	size, unit := float64(n), 0
	for size >= 999.5 && unit < 4 {
		size /= 1024
		unit++
	}
	digits := 1
	if size >= 9.95 {
		digits = 0
	}
	return strconv.FormatFloat(size, 'f', digits, 64) + "BKMGT"[unit:unit+1]
}

// Age writes a duration in its largest unit or two, so that it rarely changes: 12s, 4m, 3h12m, 5d4h.
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// Uptime writes how long something has been running, at least in minutes: for seconds alone the screen would be drawn again.
func Uptime(d time.Duration) string {
	if d < time.Minute {
		return "<1m"
	}
	return Age(d)
}

// Latency writes a latency as precisely as nginx measures it: in milliseconds, or from ten seconds on in seconds.
func Latency(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1ms"
	case d < 10*time.Second:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
