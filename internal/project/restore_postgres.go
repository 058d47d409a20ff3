package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"stackctl.dev/stackctl/internal/backup"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
)

// restorePostgres starts PostgreSQL and gives it its tables, before anything else can write to it.
func (r *restoring) restorePostgres(ctx context.Context) error {
	if !r.manifest.Has(backup.Postgres) {
		return nil
	}
	if err := r.start(ctx, []string{postgresService}); err != nil {
		return err
	}
	observed, err := observe.Project(ctx, r.Engine, r.Name)
	if err != nil {
		return err
	}
	found := observed.Of(postgresService)
	if len(found) == 0 {
		return fmt.Errorf("restoring the database: there is no container of service %q", postgresService)
	}
	if err := r.awaitPostgres(ctx, found[0], r.options.Limit); err != nil {
		return err
	}
	_, content, err := backup.Open(r.file, backup.Postgres)
	if err != nil {
		return err
	}
	command := []string{"pg_restore", "--exit-on-error", "--single-transaction", "--no-password", "--dbname=stackctl"}
	return r.pipe(ctx, found[0], command, content, io.Discard)
}

// postgresLimit is how long PostgreSQL may take to make an empty database and start.
const postgresLimit = 2 * time.Minute

// awaitPostgres asks until the database can be reached: the healthcheck runs only each 10 s.
func (p *Project) awaitPostgres(ctx context.Context, c observe.Container, limit time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, max(postgresLimit, limit))
	defer cancel()
	err := poll.Until(limited, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		_, code, err := p.Engine.RunCommand(ctx, c.ID, []string{"psql", "--quiet", "--no-password", "--command", "select 1"})
		return code == 0 && err == nil, err
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("waiting for container %q: the database does not answer; `stackctl logs %s` may say why", c.Name, postgresService)
	}
	return err
}
