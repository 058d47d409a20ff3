package project

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// portVariable is the variable of the embedded Compose file with the stack's published port.
const portVariable = "STACKCTL_PORT"

// wish is a verb's desired state: services of the Compose files, changed by the verb's options and by what is kept of the running stack.
type wish struct {
	services []string          // none are all
	alone    bool              // without their dependencies
	fronts   bool              // those with upstreams, and services
	replicas map[string]int    // by service, from the options
	port     int               // the published port; 0 is that of the files or of the running stack
	with     []string          // features to turn on
	without  []string          // features to turn off
	choices  map[string]string // variables that options set, see stack.Choices
	defaults bool              // keep nothing of the running stack
	absent   []string          // optional services whose images cannot be had
	// adapt changes the selected services further; it may be nil.
	adapt func(*stack.Stack, *observe.Observed) error

	recalled    bool           // the running stack's settings are known
	had, chosen stack.Settings // of the running stack, and now
	result      *stack.Stack   // the final desired state

	passwords passwords
}

// choose reads the Compose files and selects the wanted services.
func (p *Project) choose(ctx context.Context, w *wish, port string) (*stack.Stack, error) {
	if !w.recalled && len(w.with)+len(w.without)+len(w.choices) > 0 { // the running stack's settings are not known yet
		s, err := p.Files.Read(ctx, stack.Settings{})
		if err != nil {
			return nil, err
		}
		features, err := s.Features()
		if err != nil {
			return nil, err
		}
		if err := stack.CheckKnown(features, slices.Concat(w.with, w.without)); err != nil {
			return nil, err
		}
		w.chosen = stack.Settings{}.Changed(features, w.with, w.without, w.choices)
	}
	whole, err := p.read(ctx, w, port)
	if err != nil {
		return nil, err
	}
	s, err := w.selectFrom(ctx, whole)
	if err == nil || !whole.Embedded || w.recalled {
		return s, err
	}
	// A service may be one of a feature, and recall finds out whether that is on.
	features, failed := whole.Features()
	if failed != nil {
		return nil, err
	}
	for _, f := range features {
		w.chosen.With = append(w.chosen.With, f.Name)
	}
	if whole, failed = p.read(ctx, w, port); failed != nil {
		return nil, err
	}
	if s, failed = w.selectFrom(ctx, whole); failed != nil {
		return nil, err
	}
	return s, nil
}

// read reads the Compose files with the chosen settings.
func (p *Project) read(ctx context.Context, w *wish, port string) (*stack.Stack, error) {
	if w.port != 0 {
		port = strconv.Itoa(w.port)
	}
	chosen := stack.Settings{With: w.chosen.With, Variables: maps.Clone(w.chosen.Variables)}
	if port != "" {
		if chosen.Variables == nil {
			chosen.Variables = map[string]string{}
		}
		chosen.Variables[portVariable] = port
	}
	return p.Files.Read(ctx, chosen)
}

// selectFrom selects the wanted services of a stack.
func (w *wish) selectFrom(ctx context.Context, s *stack.Stack) (*stack.Stack, error) {
	services := w.services
	if w.fronts {
		services = slices.Concat(s.Fronts(), w.services)
	}
	choose := s.Select
	if w.alone {
		choose = s.Only
	}
	s, err := choose(ctx, services)
	if err != nil {
		return nil, err
	}
	s = s.Disable(w.absent)
	for _, service := range slices.Sorted(maps.Keys(w.replicas)) {
		if slices.Contains(w.absent, service) {
			continue
		}
		if err := s.Scale(service, w.replicas[service]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// fit returns a function that adapts the wish to the running stack, once that is observed.
func (p *Project) fit(ctx context.Context, w *wish) func(*stack.Stack, *observe.Observed) (*stack.Stack, error) {
	return func(s *stack.Stack, observed *observe.Observed) (*stack.Stack, error) {
		s, err := p.keep(ctx, w, s, observed)
		if err == nil && w.passwords.inTurn {
			err = p.endRotation(ctx, w, observed)
		}
		if err == nil {
			s, err = p.givePasswords(ctx, w, s, observed)
		}
		if err == nil && w.adapt != nil {
			err = w.adapt(s, observed)
		}
		w.result = s
		return s, err
	}
}

// keep gives the embedded stack the running one's port and numbers of replicas, unless the options set them (docs/adr/0025). With the
// user's own Compose files, nothing is kept.
func (p *Project) keep(ctx context.Context, w *wish, s *stack.Stack, observed *observe.Observed) (*stack.Stack, error) {
	if !s.Embedded || w.defaults || !slices.Contains(madeFrom(observed), embeddedFiles) {
		return s, nil
	}
	var keeping []string
	if features, err := s.Features(); err == nil && !w.had.Equal(stack.Settings{}) {
		given := w.chosen.Flags(features)
		for _, flag := range w.had.Flags(features) {
			if slices.Contains(given, flag) && !slices.Contains(w.flags(), flag) {
				keeping = append(keeping, strings.TrimPrefix(strings.TrimPrefix(flag, "--with "), "--"))
			}
		}
	}
	port, err := p.keptPort(ctx, w, s, observed)
	if err != nil {
		return nil, err
	}
	if port != "" {
		if s, err = p.choose(ctx, w, port); err != nil {
			return nil, err
		}
		keeping = append(keeping, "port "+port)
	}
	for _, name := range s.Project.ServiceNames() {
		n := observed.Number(name)
		if _, given := w.replicas[name]; given || n == 0 || n == stack.Replicas(s.Project.Services[name]) {
			continue
		}
		if err := s.Scale(name, n); err != nil {
			return nil, err
		}
		keeping = append(keeping, fmt.Sprintf("%s of %s", count(n, "replica"), name))
	}
	if len(keeping) > 0 {
		p.say("keeping %s; up --defaults goes back", strings.Join(keeping, ", "))
	}
	return s, nil
}

// keptPort returns the running stack's published port, or "" if it is unknown or need not be kept.
func (p *Project) keptPort(ctx context.Context, w *wish, s *stack.Stack, observed *observe.Observed) (string, error) {
	if s.Extension.Ready == nil || w.port != 0 || s.Project.Environment[portVariable] != "" {
		return "", nil
	}
	port, err := observe.EntrancePort(ctx, p.Engine, observed)
	if port == publishedPort(s) {
		port = ""
	}
	return port, err
}

// publishedPort returns the stack's port on the host according to its files.
func publishedPort(s *stack.Stack) string {
	ready := s.Extension.Ready
	if ready == nil {
		return ""
	}
	for _, port := range s.Project.Services[ready.Service].Ports {
		if port.Target == ready.Port {
			return port.Published
		}
	}
	return ""
}

// embeddedFiles is the value of the label for Compose files on containers of the embedded stack.
const embeddedFiles = ""

// madeFrom lists the Compose files that the containers were made from, according to their labels. There are several entries if other
// files were used later and only some containers were recreated.
func madeFrom(observed *observe.Observed) (files []string) {
	for _, c := range observed.Containers {
		if from := c.Labels[label.ConfigFiles]; !c.OneOff && !slices.Contains(files, from) {
			files = append(files, from)
		}
	}
	return files
}

// approve asks before a project of the embedded stack is changed by the user's own file, or the other way round, because --file may have
// been forgotten. Between two files of the user it only says so, because the project may have moved.
func (p *Project) approve(ctx context.Context, s *stack.Stack) func(*steps.Plan, *observe.Observed) error {
	return func(plan *steps.Plan, observed *observe.Observed) error {
		own, all := strings.Join(s.Project.ComposeFiles, ","), madeFrom(observed)
		if s.Embedded {
			own = embeddedFiles
		}
		sameKind := func(files string) bool { return (files == embeddedFiles) == (own == embeddedFiles) }
		switch i := slices.IndexFunc(all, sameKind); {
		case len(all) == 0 || slices.Contains(all, own) || p.agreed:
			return nil
		case i >= 0:
			p.say("project %q was made from %s, and is made from %s now", p.Name, all[i], own)
			return nil
		case plan.Empty():
			return nil
		}
		err := p.ask(ctx, all[0], own)
		p.agreed, p.refused = err == nil, err != nil
		return err
	}
}

// ask asks whether to change the project by other Compose files than it was made from.
func (p *Project) ask(ctx context.Context, had, own string) error {
	question := fmt.Sprintf("Project %q was made from %s. Make it from %s now?", p.Name, named(had), named(own))
	err := ErrNobody
	if p.Agree != nil {
		err = p.Agree(ctx, question)
	}
	if errors.Is(err, ErrNobody) {
		return fmt.Errorf("changing project %q: it was made from %s, not from %s; %s, or use --yes", p.Name, named(had), named(own), useFiles(had))
	}
	return err
}

func named(files string) string {
	if files == embeddedFiles {
		return "the embedded stack"
	}
	return files
}

// useFiles says how to use the Compose files that a project was made from.
func useFiles(files string) string {
	if files == embeddedFiles {
		return "leave --file and COMPOSE_FILE out"
	}
	return "name it with --file " + strings.ReplaceAll(files, ",", " --file ")
}

// count returns a text such as "1 replica" or "3 replicas".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
