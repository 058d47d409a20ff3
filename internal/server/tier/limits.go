package tier

import (
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// memoryLimits are where a container finds the limit of its memory, with version 2 and version 1 of control groups.
var memoryLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// unlimited is above what any machine has: version 1 writes a number of that size for no limit.
const unlimited = 1 << 60

// newLimits returns a collector of the limit of this container's memory; there is no such metric where there is no limit.
func newLimits() prometheus.Collector {
	return &limits{memory: prometheus.NewDesc("stackctl_memory_limit_bytes", "Limit of the memory of the process's container.", nil, nil)}
}

type limits struct{ memory *prometheus.Desc }

func (l *limits) Describe(to chan<- *prometheus.Desc) { to <- l.memory }

func (l *limits) Collect(to chan<- prometheus.Metric) {
	for _, path := range memoryLimits {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64); err == nil && n < unlimited {
			to <- prometheus.MustNewConstMetric(l.memory, prometheus.GaugeValue, float64(n))
		}
		return
	}
}
