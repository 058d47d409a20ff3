package orchestrate

import (
	"context"
	"time"
)

// Step is an action of which a test says everything.
type Step struct {
	Name  string
	Limit time.Duration // an hour when 0
	Do    func(ctx context.Context) error
}

var _ Action = Step{}

func (s Step) Verb() string   { return "try step" }
func (s Step) Object() string { return s.Name }

func (s Step) limit() time.Duration {
	if s.Limit == 0 {
		return time.Hour
	}
	return s.Limit
}

func (s Step) apply(ctx context.Context, _ Writer) error { return s.Do(ctx) }

// MaxParallel is how many calls are under way at once.
const MaxParallel = maxParallel
