package orchestrate

import (
	"context"
	"errors"
)

// Outcome is the Entry.Result of an error.
func Outcome(err error) string {
	var undone *UndoneError
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &undone):
		return "undone"
	}
	return "failed"
}
