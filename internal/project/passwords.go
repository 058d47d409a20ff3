package project

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// The passwords of a stack are made by the first `up` and kept in its vault (docs/adr/0026). A plan needs their hashes, which are a label;
// the passwords are read only once something is to be changed, and given to the containers as files.

// passwords are a wish's generated secrets.
type passwords struct {
	vault *kept.Vault  // that the project has; nil for none
	fresh kept.Secrets // those that it lacks
	// rotated says that the vault is one that came after the observation.
	rotated bool
	// inTurn says that Redis gets its users in a turn of its own, after all that log in there.
	inTurn    bool
	storeLeft bool // this is the turn before
	before    []string
}

// givePasswords gives a stack the hashes of its passwords: those in the vault, and new ones for what it lacks.
//
// A Redis that runs without passwords gets them last: first its clients, which can do with either. So no client is ever without one that
// Redis wants. In the turn before, the stack is one without Redis.
func (p *Project) givePasswords(ctx context.Context, w *wish, s *stack.Stack, observed *observe.Observed) (*stack.Stack, error) {
	if len(s.Generated()) == 0 {
		return s, nil
	}
	x := &w.passwords
	if x.fresh, x.storeLeft = (kept.Secrets{}), false; !x.rotated {
		x.vault = kept.VaultOf(observed)
	}
	hashes := map[string][]string{}
	if x.vault != nil {
		maps.Copy(hashes, x.vault.Hashes)
	}
	for _, name := range s.Generated() {
		if len(hashes[name]) == 0 {
			password, err := p.passwordInUse(ctx, s, observed, name)
			if err != nil {
				return nil, err
			}
			x.fresh[name] = []string{cmp.Or(password, stack.NewPassword())}
		}
	}
	maps.Copy(hashes, x.fresh.Hashes())
	s.SetPasswords(hashes)
	return w.withoutOpenStore(ctx, s, observed)
}

// passwordInUse returns the generated password that a running container has, or "": if the vault was removed, its client keeps its
// password, and only Redis is recreated. With another one, replicas that are not yet replaced could not log in.
func (p *Project) passwordInUse(ctx context.Context, s *stack.Stack, observed *observe.Observed, secret string) (string, error) {
	for _, services := range []types.Services{s.Project.Services, s.Project.DisabledServices} {
		for name, svc := range services {
			for _, ref := range svc.Secrets {
				replicas := observed.Of(name)
				if ref.Source != secret || len(replicas) == 0 || !replicas[0].Running() {
					continue
				}
				password, err := kept.PasswordIn(ctx, p.Engine, replicas[0], configs.SecretTarget(ref))
				if err != nil || password != "" {
					return password, err
				}
			}
		}
	}
	return "", nil
}

// withoutOpenStore leaves Redis out of the stack if it runs without passwords, and others of the stack have to get theirs first.
func (w *wish) withoutOpenStore(ctx context.Context, s *stack.Stack, observed *observe.Observed) (*stack.Stack, error) {
	x, store := &w.passwords, s.Extension.Store
	if store == nil || store.Password == "" || !x.inTurn || x.before != nil {
		return s, nil
	}
	_, selected := s.Project.Services[store.Service]
	open := slices.ContainsFunc(observed.Of(store.Service), func(c observe.Container) bool {
		return c.Running() && c.Labels[label.StoreUser] == ""
	})
	if !selected || !open {
		return s, nil
	}
	for name, svc := range s.Project.DisabledServices {
		if s.Generates(svc) && len(observed.Of(name)) > 0 {
			return nil, fmt.Errorf("giving service %q passwords: service %q has to get its own first; use `stackctl up`", store.Service, name)
		}
	}
	for _, name := range s.Project.ServiceNames() {
		if name != store.Service {
			x.before = append(x.before, name)
		}
	}
	if len(x.before) == 0 {
		return s, nil
	}
	x.storeLeft = true
	first, err := s.Only(ctx, x.before)
	if err != nil {
		return nil, err
	}
	first.SetPasswords(s.Hashes)
	return first, nil
}

// openVault returns a function that gives a stack its passwords, and stores those that are new. The vault's container is made of one of
// the images.
func (p *Project) openVault(w *wish, of map[string]planner.Image) func(context.Context, *stack.Stack) error {
	return func(ctx context.Context, s *stack.Stack) error {
		if len(s.Generated()) == 0 {
			return nil
		}
		secrets, err := p.readVault(ctx, &w.passwords, s, of)
		if err != nil {
			return err
		}
		s.SetPasswords(secrets.Hashes())
		s.SetSecrets(secrets.Newest())
		return nil
	}
}

func (p *Project) readVault(ctx context.Context, x *passwords, s *stack.Stack, of map[string]planner.Image) (secrets kept.Secrets, err error) {
	secrets = kept.Secrets{}
	if x.vault != nil {
		if secrets, err = x.vault.Read(ctx, p.Engine); err != nil {
			return nil, err
		}
	}
	if len(x.fresh) == 0 {
		return secrets, nil
	}
	maps.Copy(secrets, x.fresh)
	if x.vault, err = kept.StoreIn(ctx, p.Engine, p.Name, imageFor(s, of), secrets, x.vault); err != nil {
		return nil, fmt.Errorf("storing the passwords of project %q: %w", p.Name, err)
	}
	if maps.EqualFunc(x.vault.Hashes, secrets.Hashes(), slices.Equal) {
		return secrets, nil
	}
	return x.vault.Read(ctx, p.Engine) // another machine was first
}

// imageFor returns the image of the store's service, or else of any that is there.
func imageFor(s *stack.Stack, of map[string]planner.Image) string {
	if store := s.Extension.Store; store != nil && of[store.Service].ID != "" {
		return of[store.Service].ID
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if of[name].ID != "" {
			return of[name].ID
		}
	}
	return ""
}
