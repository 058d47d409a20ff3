// Package tier is what the stack's own tiers share, each of which is this program in a container of its own: settings from the
// environment, request ids, the JSON log, the healthcheck, the metrics, and one way to listen, serve and stop.
package tier
