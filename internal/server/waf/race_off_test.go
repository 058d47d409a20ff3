//go:build !race

package waf

const sampled = 1
