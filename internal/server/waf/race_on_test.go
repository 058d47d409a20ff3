//go:build race

package waf

// sampled is every how manyth regression test runs. The race detector makes them ten times slower.
const sampled = 6
