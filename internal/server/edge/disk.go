package edge

import "github.com/prometheus/client_golang/prometheus"

// disk tells how full the file system is on which the engine keeps containers and volumes: a container's root is on it.
type disk struct {
	path       string
	size, free *prometheus.Desc
}

func newDisk(path string) *disk {
	return &disk{
		path: path,
		size: prometheus.NewDesc("stackctl_disk_size_bytes", "Size of the file system on which the engine keeps containers and volumes.", nil, nil),
		free: prometheus.NewDesc("stackctl_disk_free_bytes", "What is free of it.", nil, nil),
	}
}

func (d *disk) Describe(to chan<- *prometheus.Desc) {
	to <- d.size
	to <- d.free
}

func (d *disk) Collect(to chan<- prometheus.Metric) {
	if size, free, ok := sizeOf(d.path); ok {
		to <- prometheus.MustNewConstMetric(d.size, prometheus.GaugeValue, size)
		to <- prometheus.MustNewConstMetric(d.free, prometheus.GaugeValue, free)
	}
}
