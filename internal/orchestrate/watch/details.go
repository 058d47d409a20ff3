package watch

import (
	"context"
	"fmt"
)

// Details describes one container for people. Its values are untrusted: whoever shows them neutralises control sequences.
type Details struct {
	Name     string
	Sections []Section
}

// Section is a part of Details; one without rows is left out.
type Section struct {
	Title string
	Rows  []Row
}

// Row is one line of a section.
type Row struct{ Name, Value string }

// Inspect asks the engine about one container. Secrets among its settings are masked.
func Inspect(ctx context.Context, s Source, id string) (Details, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	info, err := s.ContainerInspect(ctx, id)
	if err != nil {
		return Details{}, fmt.Errorf("inspecting container %q: %w", id, err)
	}
	return describe(info), nil
}
