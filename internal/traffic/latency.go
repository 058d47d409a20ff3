package traffic

import (
	"math"
	"time"
)

// Latencies are counted in classes whose bounds grow by a twelfth of a doubling or so: 1.06 times each, from one millisecond on, which is the least that
// nginx tells; the idea is that of HdrHistogram (hdrhistogram.org).
const (
	growth  = 1.06
	classes = 256
)

// classOf is the class of a latency; class 0 is less than a millisecond.
func classOf(d time.Duration) uint16 {
	if d < time.Millisecond {
		return 0
	}
	class := 1 + int(math.Log(float64(d)/float64(time.Millisecond))/math.Log(growth)+1e-9)
	return uint16(min(class, classes-1))
}

// middle is a latency that stands for its class.
func middle(class int) time.Duration {
	if class == 0 {
		return 0
	}
	lower := math.Pow(growth, float64(class-1))
	if lower < 17 { // below that a class holds one whole millisecond at the most
		return time.Duration(math.Ceil(lower-1e-6)) * time.Millisecond
	}
	return time.Duration(lower * math.Sqrt(growth) * float64(time.Millisecond))
}

func percentile(counts *[classes]int, total int, part float64) time.Duration {
	rank := int(math.Ceil(part * float64(total)))
	seen := 0
	for class, n := range counts {
		if seen += n; n > 0 && seen >= rank {
			return middle(class)
		}
	}
	return 0
}
