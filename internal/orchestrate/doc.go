// Package orchestrate makes the desired state so on a Docker Engine: it observes, plans without touching anything, and
// applies the plan.
package orchestrate
