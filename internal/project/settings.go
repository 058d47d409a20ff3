package project

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/stack"
)

// recall gives the embedded stack the features and variables that were chosen for the running one, unless the wish or the environment
// has others. It comes before the images, of which features need more.
func (p *Project) recall(ctx context.Context, w *wish, s *stack.Stack) (*stack.Stack, error) {
	if !s.Embedded {
		if len(w.with)+len(w.without) > 0 {
			return nil, errors.New("turning features on or off: the Compose file says which are on; name them there, as `x-stackctl: {with: [...]}`")
		}
		return s, nil
	}
	observed, err := kept.All(ctx, p.Engine, p.Name)
	if err != nil {
		return nil, err
	}
	w.had, _ = kept.Settings(observed)
	before := w.had
	if w.defaults {
		before = stack.Settings{}
	}
	given := maps.Clone(w.choices)
	for _, c := range stack.Choices {
		if value := s.Project.Environment[c.Variable]; value != "" {
			if given == nil {
				given = map[string]string{}
			}
			given[c.Variable] = value
		}
	}
	features, err := s.Features()
	if err != nil {
		return nil, err
	}
	was := stack.Settings{With: w.chosen.With, Variables: given}
	w.recalled, w.chosen = true, before.Changed(features, w.with, w.without, given)
	if w.chosen.Equal(was) {
		return s, nil
	}
	return p.choose(ctx, w, "")
}

// warnOpen warns in one line of a stack that other machines reach and that something is missing for.
func (p *Project) warnOpen(s *stack.Stack) {
	bind := s.Project.Environment["STACKCTL_BIND"]
	if address, err := netip.ParseAddr(strings.Trim(bind, "[]")); !s.Embedded || err != nil || address.IsLoopback() {
		return
	}
	var missing []string
	if !slices.Contains(s.With, "tls") {
		missing = append(missing, "without TLS (--with tls)")
	}
	if !slices.Contains(s.With, "limits") {
		missing = append(missing, "without rate limits (--with limits)")
	}
	if len(missing) > 0 {
		p.send(report.Event{Kind: report.Warning, Object: p.Name, Detail: "other machines reach the stack at " + bind + ", " + strings.Join(missing, " and ") + "; docs/production.md says more"})
	}
}

// saveSettings keeps what was chosen of the embedded stack, if that is not what it had.
func (p *Project) saveSettings(ctx context.Context, w *wish, s *stack.Stack) error {
	if !s.Embedded || w.chosen.Equal(w.had) {
		return nil
	}
	return kept.SaveSettings(ctx, p.Engine, p.Name, w.chosen)
}

// flags are those that the options stand for, as Settings.Flags has them.
func (w *wish) flags() (flags []string) {
	for _, name := range w.with {
		flags = append(flags, "--with "+name)
	}
	for _, name := range w.without {
		flags = append(flags, "--without "+name)
	}
	for _, c := range stack.Choices {
		if value := w.choices[c.Variable]; value != "" {
			flags = append(flags, "--"+c.Flag+" "+value)
		}
	}
	return flags
}
