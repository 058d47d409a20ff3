package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"stackctl.dev/stackctl/internal/backup"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/volumes"
	"stackctl.dev/stackctl/internal/stack"
)

// check verifies the file, opens its secrets, and reads the stack that it needs.
func (r *restoring) check(ctx context.Context) (err error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the backup: %w", err)
	}
	if r.manifest, err = backup.Verify(r.file); err != nil {
		return err
	}
	m := r.manifest
	if m.Has(backup.Secrets) && r.options.Passphrase != nil {
		passphrase, err := r.options.Passphrase(ctx)
		if err != nil {
			return err
		}
		sealed, err := backup.ReadAll(r.file, backup.Secrets)
		if err != nil {
			return err
		}
		if r.secret, err = backup.Unseal(m, sealed, passphrase); err != nil {
			return err
		}
		if err := volumes.Clean(bytes.NewReader(r.secret.Certificates), io.Discard, ""); err != nil && len(r.secret.Certificates) > 0 {
			return fmt.Errorf("checking the certificates of the backup: %w", err)
		}
	}
	r.up = UpOptions{Port: m.Port, Replicas: m.Replicas, Choices: map[string]string{}, Defaults: true, Waiting: r.options.Waiting}
	if r.options.Port != 0 {
		r.up.Port = r.options.Port
	}
	maps.Copy(r.up.Choices, m.Variables)
	maps.Copy(r.up.Choices, r.options.Choices)
	if r.stack, err = r.read(ctx); err != nil {
		return fmt.Errorf("reading the stack of the backup: %w", err)
	}
	return r.checkStack()
}

// read reads the stack as it was.
func (r *restoring) read(ctx context.Context) (*stack.Stack, error) {
	embedded, err := r.Files.Embedded(ctx)
	switch {
	case err != nil:
		return nil, err
	case embedded && !r.manifest.Embedded:
		return nil, fmt.Errorf("it was made of a Compose file of your own; name that with --file (the resolved one is in the backup: tar -xf FILE %s)", backup.Compose)
	case !embedded && r.manifest.Embedded:
		return nil, errors.New("it was made of the embedded stack; leave --file and COMPOSE_FILE out")
	case embedded:
		s, err := r.Files.Read(ctx, stack.Settings{})
		if err != nil {
			return nil, err
		}
		features, err := s.Features()
		if err != nil {
			return nil, err
		}
		if r.manifest.With != nil {
			r.up.With = r.manifest.With
			r.up.Without = slices.DeleteFunc(stack.DefaultFeatures(features), func(name string) bool { return slices.Contains(r.manifest.With, name) })
		}
		for variable, value := range r.up.Choices {
			i := slices.IndexFunc(stack.Choices, func(c stack.Choice) bool { return c.Variable == variable })
			if i >= 0 && stack.Choices[i].Check != nil && value != "" {
				if err := stack.Choices[i].Check(strings.Trim(value, "[]")); err != nil {
					return nil, err
				}
			}
		}
	}
	return r.choose(ctx, r.up.wish(), "")
}

// checkStack compares the backup with the stack: the data must have a place.
func (r *restoring) checkStack() error {
	m := r.manifest
	if m.Has(backup.Redis) {
		x := r.stack.Extension.Store
		if x == nil || x.Service != m.Store.Service {
			return fmt.Errorf("checking the backup: its Redis is service %q, which the Compose file does not name as x-stackctl.store", m.Store.Service)
		}
		if r.volumeAt(x.Service, m.Store.Dir) == "" {
			return fmt.Errorf("checking the backup: Redis keeps its data in %q, where service %q has no volume", m.Store.Dir, x.Service)
		}
	}
	if m.Has(backup.Postgres) && !slices.Contains(r.stack.With, databaseFeature) {
		return fmt.Errorf("checking the backup: it has a database, and feature %q is off", databaseFeature)
	}
	return nil
}

// volumeAt returns the name of the volume that a service has at a path, or "".
func (r *restoring) volumeAt(service, folder string) string {
	for _, v := range r.stack.Project.Services[service].Volumes {
		if v.Type == "volume" && v.Target == folder && v.Source != "" {
			return r.stack.Project.Volumes[v.Source].Name
		}
	}
	return ""
}

// checkPort finds out early whether another program has the port.
func (r *restoring) checkPort(observed *observe.Observed) error {
	port := publishedPort(r.stack)
	if _, published := observed.Entrance(); published || port == "" || !r.Engine.Local() {
		return nil
	}
	host := strings.Trim(r.stack.Project.Environment["STACKCTL_BIND"], "[]")
	if value := r.up.Choices["STACKCTL_BIND"]; value != "" {
		host = strings.Trim(value, "[]")
	}
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port)) //nolint:noctx // it does not wait
	if err != nil {
		return fmt.Errorf("publishing port %s: it is taken; name another one with --port", port)
	}
	return listener.Close()
}
