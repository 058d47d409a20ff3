package project

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/store"
)

// Rotate gives Redis and its clients new passwords while they run:
//
//  1. The vault gets the new passwords beside the old ones.
//  2. Redis takes both.
//  3. The clients get the new ones, which they use for their next connections.
//  4. Redis takes the new ones only, and ends the connections that were made with old ones.
//  5. The vault drops the old ones.
//
// Each step leaves a stack that works. If it is interrupted before the last one, the vault has two passwords of each, and the next run
// goes on with them from the second step.
func (p *Project) Rotate(ctx context.Context) (Result, error) {
	w := &wish{}
	s, err := p.choose(ctx, w, "")
	if err != nil {
		return Result{}, err
	}
	return p.change(ctx, func() string { return "rotate" }, func() (*steps.Plan, error) {
		s, err := p.recall(ctx, w, s)
		if err != nil {
			return nil, err
		}
		r := &rotation{Project: p, stack: s, done: &steps.Plan{}}
		if err := r.begin(ctx); err != nil {
			return r.done, err
		}
		if err := r.finish(ctx); err != nil {
			return r.done, fmt.Errorf("%w; old and new passwords are valid; `stackctl rotate` goes on", err)
		}
		return r.done, nil
	})
}

// rotation is a Rotate under way.
type rotation struct {
	*Project
	stack    *stack.Stack
	observed *observe.Observed
	loader   string // the Redis user that loads the ACL file
	vault    *kept.Vault
	secrets  kept.Secrets // old and new ones
	done     *steps.Plan
}

// begin stores new passwords beside the old ones, unless an earlier run did.
func (r *rotation) begin(ctx context.Context) (err error) {
	if err := r.check(); err != nil {
		return err
	}
	if r.observed, err = observe.Project(ctx, r.Engine, r.Name); err != nil {
		return err
	}
	r.vault = kept.VaultOf(r.observed)
	redis := r.running()
	if r.vault == nil || redis == nil {
		return fmt.Errorf("rotating the passwords of project %q: it has none, or service %q does not run; `stackctl up` starts it", r.Name, r.stack.Extension.Store.Service)
	}
	cause := "its passwords change"
	planned := &steps.Plan{}
	planned.Add(r.stack.Extension.Store.Service, steps.WriteFiles{Container: redis.Name}, cause) // what is asked about
	if err := r.approve(ctx, r.stack)(planned, r.observed); err != nil {
		return err
	}
	if r.secrets, err = r.vault.Read(ctx, r.Engine); err != nil {
		return err
	}
	if r.vault.Rotating() {
		r.say("going on with a rotation that was interrupted")
		return nil
	}
	for _, name := range r.stack.Generated() {
		r.secrets[name] = append([]string{stack.NewPassword()}, r.secrets[name]...)
	}
	return r.store(ctx, r.secrets)
}

// endRotation ends a rotation that was interrupted, before anything else is changed: the vault may have passwords that Redis has not
// loaded. A Redis that does not run loads them when it starts.
func (p *Project) endRotation(ctx context.Context, w *wish, observed *observe.Observed) error {
	vault := kept.VaultOf(observed)
	if vault == nil || !vault.Rotating() || w.passwords.rotated {
		return nil
	}
	s, err := p.choose(ctx, &wish{chosen: w.chosen, choices: w.choices}, "")
	if err != nil {
		return err
	}
	r := &rotation{Project: p, stack: s, observed: observed, vault: vault, done: &steps.Plan{}}
	if r.check() != nil || r.running() == nil {
		return nil
	}
	if r.secrets, err = vault.Read(ctx, p.Engine); err != nil {
		return err
	}
	p.say("ending a rotation of passwords that was interrupted")
	err = r.finish(ctx)
	w.passwords.vault, w.passwords.rotated = r.vault, true
	return err
}

// running returns the store's container if it runs.
func (r *rotation) running() *observe.Container {
	for _, c := range r.observed.Of(r.stack.Extension.Store.Service) {
		if c.Running() {
			return &c
		}
	}
	return nil
}

// check finds out whether the stack has passwords to rotate.
func (r *rotation) check() error {
	if r.stack.Extension.Store != nil {
		for _, config := range r.stack.Project.Configs {
			if ext := stack.ConfigExtensionOf(config); ext.Loader != "" {
				r.loader = ext.Loader
			}
		}
	}
	if r.loader == "" {
		return fmt.Errorf("rotating the passwords of project %q: its Compose file has no Redis users with generated passwords and a loader; see docs/passwords.md", r.Name)
	}
	return nil
}

// store puts the passwords into a new vault.
func (r *rotation) store(ctx context.Context, secrets kept.Secrets) error {
	image := r.observed.Of(r.stack.Extension.Store.Service)[0].ImageID
	vault, err := kept.StoreIn(ctx, r.Engine, r.Name, image, secrets, r.vault)
	if err == nil && !maps.EqualFunc(vault.Hashes, secrets.Hashes(), slices.Equal) {
		err = errors.New("another machine rotates them too")
	}
	if err != nil {
		return fmt.Errorf("storing the passwords of project %q: %w", r.Name, err)
	}
	r.vault = vault
	return nil
}

// finish carries the new passwords to Redis and its clients, and drops the old ones.
func (r *rotation) finish(ctx context.Context) error {
	both := r.secrets
	newest := kept.Secrets{}
	for name, passwords := range both {
		newest[name] = passwords[:1]
	}
	r.stack.SetSecrets(both.Newest())
	if err := r.loadUsers(ctx, both, "old and new passwords are valid"); err != nil {
		return err
	}
	if err := r.write(ctx, r.clientFiles(), "its password changed"); err != nil {
		return err
	}
	if err := r.restart(ctx); err != nil {
		return err
	}
	if err := r.loadUsers(ctx, newest, "the old passwords are no longer valid"); err != nil {
		return err
	}
	return r.store(ctx, newest)
}

// restart restarts what reads its password once, at its start: the services with a secret that is made from another one.
func (r *rotation) restart(ctx context.Context) error {
	var services []string
	for name, svc := range r.stack.Project.Services {
		reads := slices.ContainsFunc(svc.Secrets, func(ref types.ServiceSecretConfig) bool { return r.stack.MadeOfPassword(ref.Source) })
		if reads && slices.ContainsFunc(r.observed.Of(name), observe.Container.Running) {
			services = append(services, name)
		}
	}
	if len(services) == 0 {
		return nil
	}
	slices.Sort(services)
	plan, err := planner.Restart(r.observed, planner.Choice{Services: services})
	if err != nil {
		return err
	}
	err = apply.Plan(ctx, r.Engine, plan, r.Sink)
	r.done.Follow(plan, slices.Repeat([]bool{true}, len(plan.Ops)))
	return err
}

// clientFiles lists the files with generated secrets, by service.
func (r *rotation) clientFiles() map[string][]string {
	files := map[string][]string{}
	for name, svc := range r.stack.Project.Services {
		for _, ref := range svc.Secrets {
			if slices.Contains(r.stack.Generated(), ref.Source) || r.stack.MadeOfPassword(ref.Source) {
				files[name] = append(files[name], configs.SecretTarget(ref))
			}
		}
	}
	return files
}

// userFiles lists the ACL files, by service.
func (r *rotation) userFiles() map[string][]string {
	files := map[string][]string{}
	for name, svc := range r.stack.Project.Services {
		for _, ref := range svc.Configs {
			if stack.ConfigExtensionOf(r.stack.Project.Configs[ref.Source]).Loader != "" {
				files[name] = append(files[name], configs.ConfigTarget(ref))
			}
		}
	}
	return files
}

func (r *rotation) write(ctx context.Context, files map[string][]string, cause string) error {
	plan, err := planner.Rewrite(r.stack, r.observed, files, cause)
	if err != nil {
		return err
	}
	err = apply.Plan(ctx, r.Engine, plan, r.Sink)
	r.done.Follow(plan, slices.Repeat([]bool{true}, len(plan.Ops)))
	return err
}

// loadUsers gives Redis the ACL file with the hashes of the passwords.
func (r *rotation) loadUsers(ctx context.Context, valid kept.Secrets, cause string) error {
	r.stack.SetPasswords(valid.Hashes())
	if err := r.write(ctx, r.userFiles(), cause); err != nil {
		return err
	}
	service := r.stack.Extension.Store.Service
	address := net.JoinHostPort(service, strconv.Itoa(int(r.stack.Extension.Store.Port)))
	dial := func(ctx context.Context) (net.Conn, error) { return r.Engine.DialService(ctx, r.Name, address) }
	var err error
	for _, password := range r.secrets[r.loaderSecret()] { // which of them Redis knows depends on where the last run ended
		if err = loadUsersAs(ctx, dial, r.loader, password); err == nil {
			return nil
		}
	}
	return fmt.Errorf("loading the users of service %q: %w", service, err)
}

// loaderSecret is the secret with the loader's password.
func (r *rotation) loaderSecret() string {
	for _, config := range r.stack.Project.Configs {
		if ext := stack.ConfigExtensionOf(config); ext.Loader != "" {
			return ext.Passwords[ext.Loader]
		}
	}
	return ""
}

func loadUsersAs(ctx context.Context, dial store.Dialer, user, password string) error {
	conn, err := store.Connect(ctx, dial, store.WithCredentials(user, password))
	if err != nil {
		return err
	}
	defer conn.Close()
	reply, err := conn.Do(ctx, "ACL", "LOAD")
	if err == nil {
		err = reply.Err()
	}
	return err
}
