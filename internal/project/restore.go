package project

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"stackctl.dev/stackctl/internal/backup"
	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/orchestrate/volumes"
	"stackctl.dev/stackctl/internal/stack"
)

// RestoreOptions say how to restore a backup.
type RestoreOptions struct {
	Port    int               // the published port; 0 is that of the backup
	Choices map[string]string // variables instead of those of the backup, see stack.Choices
	// Passphrase returns that of the secrets; nil leaves the secrets out, so that the project gets new ones.
	Passphrase func(ctx context.Context) (string, error)
	// Replace is asked before a project that exists is replaced; what says what it has.
	Replace func(ctx context.Context, m *backup.Manifest, what string) error
	Waiting
}

// Restore makes a project what it was when the backup was made. Everything is checked before anything is changed. If it fails later, the
// project is incomplete, and the same command goes on: it begins again, with the same result.
func (p *Project) Restore(ctx context.Context, file io.ReadSeeker, o RestoreOptions) (Result, *backup.Manifest, error) {
	r := &restoring{Project: p, file: file, options: o}
	if err := r.check(ctx); err != nil {
		return Result{}, nil, err
	}
	result, err := p.change(ctx, func() string { return "restore" }, func() (*steps.Plan, error) { return r.run(ctx) })
	if err == nil {
		result.URLs = urls(r.stack)
	}
	return result, r.manifest, err
}

// restoring is a Restore under way.
type restoring struct {
	*Project
	file     io.ReadSeeker
	options  RestoreOptions
	manifest *backup.Manifest
	secret   *backup.Secret // nil for none
	up       UpOptions
	stack    *stack.Stack
	images   map[string]planner.Image
	done     *steps.Plan
}

// volumes lists those that the backup has the content of. Others stay as they are.
func (r *restoring) volumes() (names []string) {
	m := r.manifest
	if m.Has(backup.Redis) {
		names = append(names, r.volumeAt(m.Store.Service, m.Store.Dir))
	}
	if r.secret != nil && r.secret.Certificates != nil {
		names = append(names, r.volumeAt(certsService, certsFolder))
	}
	if m.Has(backup.Postgres) {
		for _, v := range r.stack.Project.Services[postgresService].Volumes {
			names = append(names, r.stack.Project.Volumes[v.Source].Name)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

func (r *restoring) run(ctx context.Context) (*steps.Plan, error) {
	r.done = &steps.Plan{}
	observed, err := observe.Project(ctx, r.Engine, r.Name)
	if err != nil {
		return r.done, err
	}
	if err := r.checkPort(observed); err != nil {
		return r.done, err
	}
	found, err := images.Ensure(ctx, r.Engine, r.stack, r.imageOptions(r.up), r.Sink)
	if err != nil {
		return r.done, err
	}
	r.stack = r.stack.Disable(images.Absent(found))
	r.images = images.ByService(found)
	if what := r.existing(observed); what != "" {
		err := ErrNobody
		if r.options.Replace != nil {
			err = r.options.Replace(ctx, r.manifest, what)
		}
		if err != nil {
			return nil, err
		}
		if err := r.clear(ctx); err != nil {
			return r.done, r.incomplete(err)
		}
	}
	if err := r.build(ctx); err != nil {
		return r.done, r.incomplete(err)
	}
	return r.done, nil
}

func (r *restoring) incomplete(err error) error {
	return fmt.Errorf("restoring project %q: %w; it is incomplete: run the same command again, with --yes, once that is mended", r.Name, err)
}

// existing says in words what would be replaced, or "" for nothing.
func (r *restoring) existing(observed *observe.Observed) string {
	var parts []string
	if n := len(observed.Containers); n > 0 {
		parts = append(parts, count(n, "container"))
	}
	for _, name := range r.volumes() {
		if _, ok := observed.Volume(name); ok {
			parts = append(parts, "volume "+name)
		}
	}
	return strings.Join(parts, ", ")
}

// clear removes the project's containers and networks, and the volumes that the backup has the content of.
func (r *restoring) clear(ctx context.Context) error {
	leave := func(observed *observe.Observed) []string {
		observed.Volumes = slices.DeleteFunc(observed.Volumes, func(v observe.Volume) bool { return !slices.Contains(r.volumes(), v.Name) })
		return nil
	}
	plan, err := orchestrate.Down(ctx, r.Engine, r.Name, leave, planner.DownOptions{Volumes: true}, r.Sink)
	r.follow(plan)
	return err
}

func (r *restoring) follow(plan *steps.Plan) {
	if plan != nil {
		r.done.Follow(plan, slices.Repeat([]bool{true}, len(plan.Ops)))
	}
}

// build makes the containers, gives them their data, and starts them.
func (r *restoring) build(ctx context.Context) error {
	if r.secret != nil && len(r.secret.Passwords) > 0 {
		if _, err := kept.StoreIn(ctx, r.Engine, r.Name, imageFor(r.stack, r.images), r.secret.Passwords, nil); err != nil {
			return err
		}
	}
	if err := r.create(ctx); err != nil {
		return err
	}
	observed, err := observe.Project(ctx, r.Engine, r.Name)
	if err != nil {
		return err
	}
	if err := r.fill(ctx, observed); err != nil {
		return err
	}
	if err := r.restorePostgres(ctx); err != nil {
		return err
	}
	return r.start(ctx, nil)
}

// create makes all containers and starts none.
func (r *restoring) create(ctx context.Context) error {
	w := r.up.wish()
	s, err := r.choose(ctx, w, "")
	if err != nil {
		return err
	}
	if s, err = r.recall(ctx, w, s); err != nil {
		return err
	}
	options := r.up.plan()
	options.Adjust, options.Secrets = r.fit(ctx, w), r.openVault(w, r.images)
	plan, _, err := orchestrate.Prepare(ctx, r.Engine, s, r.images, options)
	if err != nil {
		return err
	}
	plan = plan.Created()
	r.follow(plan)
	return apply.Plan(ctx, r.Engine, plan, r.Sink)
}

// start brings up services, all where none is named.
func (r *restoring) start(ctx context.Context, services []string) error {
	o := r.up
	if o.Services = services; services != nil {
		o.NoDeps, o.NoWait = true, true
	}
	w := o.wish()
	if services != nil {
		w.replicas = nil
	}
	s, err := r.choose(ctx, w, "")
	if err != nil {
		return err
	}
	plan, err := r.bringUp(ctx, s, w, o, o.plan())
	r.follow(plan)
	if w.result != nil && services == nil {
		r.stack = w.result
	}
	return err
}

// fill writes the data of Redis and the certificates into the volumes of containers that have not run.
func (r *restoring) fill(ctx context.Context, observed *observe.Observed) error {
	if r.manifest.Has(backup.Redis) {
		if err := r.fillRedis(ctx, observed); err != nil {
			return err
		}
	}
	if r.secret != nil && r.secret.Certificates != nil {
		found := observed.Of(certsService)
		if len(found) == 0 {
			return fmt.Errorf("writing the certificates: there is no container of service %q", certsService)
		}
		return volumes.Write(ctx, r.Engine, found[0], certsFolder, bytes.NewReader(r.secret.Certificates))
	}
	return nil
}

func (r *restoring) fillRedis(ctx context.Context, observed *observe.Observed) error {
	found := observed.Of(r.manifest.Store.Service)
	if len(found) == 0 {
		return fmt.Errorf("writing the data of Redis: there is no container of service %q", r.manifest.Store.Service)
	}
	uid, gid, err := volumes.Owner(ctx, r.Engine, found[0])
	if err != nil {
		return err
	}
	entry, content, err := backup.Open(r.file, backup.Redis)
	if err != nil {
		return err
	}
	return volumes.Stream(ctx, r.Engine, found[0], r.manifest.Store.Dir, func(w io.Writer) error {
		return redisFiles(w, r.manifest.Store, entry.Size, content, uid, gid)
	})
}
