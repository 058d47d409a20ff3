package kept

import (
	"context"
	"encoding/json"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
)

// Settings returns what was chosen of the embedded stack; ok is false if nothing ever was.
func Settings(o *observe.Observed) (chosen stack.Settings, ok bool) {
	c := newest(o.Kept, label.Settings)
	if c == nil {
		return stack.Settings{}, false
	}
	err := json.Unmarshal([]byte(c.Labels[label.Settings]), &chosen)
	return chosen, err == nil
}

// LoadSettings is Settings of the running project.
func LoadSettings(ctx context.Context, r observe.Reader, project string) (stack.Settings, error) {
	observed, err := All(ctx, r, project)
	if err != nil {
		return stack.Settings{}, err
	}
	chosen, _ := Settings(observed)
	return chosen, nil
}

// SaveSettings keeps what was chosen, instead of what was before.
func SaveSettings(ctx context.Context, w keeper, project string, chosen stack.Settings) error {
	now, err := observe.List(ctx, w, project)
	if err != nil || len(now.Containers) == 0 {
		return err
	}
	encoded, err := json.Marshal(chosen)
	if err != nil {
		return err
	}
	return replace(ctx, w, now, label.Settings, "settings", string(encoded))
}
