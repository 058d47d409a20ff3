package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/backup"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/volumes"
	"stackctl.dev/stackctl/internal/rdb"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/store"
)

// The services of features whose data a backup has, and where these are.
const (
	certsService, certsFolder = "certs", "/certs"
	postgresService           = "postgres"
	// databaseFeature is the one with PostgreSQL: a service of that name in the user's own file is not ours.
	databaseFeature = "database"
	tlsFeature      = "tls"
)

// maxCertificates bounds the folder of the tier certs, in bytes.
const maxCertificates = 4 << 20

// Backup writes a backup of the running project. With an empty passphrase it has neither passwords nor certificates.
//
// The parts are taken one after the other while visits go on: PostgreSQL first, then Redis, so that what the history has of the counter is
// never more than what Redis has.
func (p *Project) Backup(ctx context.Context, w io.Writer, passphrase string) (*backup.Manifest, error) {
	unlock, err := p.lock(ctx) // a rotation would change the passwords meanwhile
	if err != nil {
		return nil, err
	}
	defer unlock()
	folder, err := os.MkdirTemp("", "stackctl-backup-")
	if err != nil {
		return nil, fmt.Errorf("backing up project %q: %w", p.Name, err)
	}
	defer os.RemoveAll(folder)
	b := &saving{Project: p, folder: folder}
	if err := b.collect(ctx, passphrase); err != nil {
		return nil, fmt.Errorf("backing up project %q: %w", p.Name, err)
	}
	err = backup.Write(w, &b.manifest, func(name string) (io.ReadCloser, error) { return os.Open(b.path(name)) })
	return &b.manifest, err
}

// saving is a Backup under way. What it has so far is in files of a folder that only this user may read.
type saving struct {
	*Project
	folder   string
	stack    *stack.Stack
	observed *observe.Observed
	manifest backup.Manifest
}

func (b *saving) path(name string) string {
	return filepath.Join(b.folder, strings.ReplaceAll(name, "/", "-"))
}

// add adds an entry, the content of which write writes.
func (b *saving) add(name string, write func(io.Writer) error) error {
	file, err := os.OpenFile(b.path(name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := write(file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	entry, err := backup.Sum(name, file)
	b.manifest.Entries = append(b.manifest.Entries, entry)
	return err
}

func (b *saving) collect(ctx context.Context, passphrase string) (err error) {
	if err := b.describe(ctx); err != nil {
		return err
	}
	if err := b.savePostgres(ctx); err != nil {
		return err
	}
	if err := b.saveRedis(ctx); err != nil {
		return err
	}
	if len(b.manifest.Entries) == 1 { // the Compose file
		return errors.New("it has no data that a backup knows: name its Redis in the Compose file, as x-stackctl.store")
	}
	if passphrase == "" {
		b.manifest.Missing = "passwords and certificates"
		return nil
	}
	return b.saveSecrets(ctx, passphrase)
}

// describe reads what is on, and adds the Compose file.
func (b *saving) describe(ctx context.Context) error {
	w := &wish{}
	s, err := b.choose(ctx, w, "")
	if err != nil {
		return err
	}
	if s, err = b.recall(ctx, w, s); err != nil {
		return err
	}
	if b.observed, err = observe.Project(ctx, b.Engine, b.Name); err != nil {
		return err
	}
	b.manifest = backup.Manifest{
		Version: backup.Version, Project: b.Name, Time: time.Now().UTC().Truncate(time.Second), Embedded: s.Embedded, Replicas: map[string]int{},
		With: w.had.With, Variables: w.had.Variables,
	}
	if s.Embedded {
		if from := madeFrom(b.observed); len(from) > 0 && !slices.Contains(from, embeddedFiles) {
			return fmt.Errorf("it was made from %s; %s", named(from[0]), useFiles(from[0]))
		}
		port, err := observe.EntrancePort(ctx, b.Engine, b.observed)
		if err != nil {
			return err
		}
		if b.manifest.Port, _ = strconv.Atoi(port); b.manifest.Port > 0 {
			if s, err = b.choose(ctx, w, port); err != nil {
				return err
			}
		}
	}
	for _, name := range s.Project.ServiceNames() {
		n := b.observed.Number(name)
		if n == 0 || n == stack.Replicas(s.Project.Services[name]) {
			continue
		}
		b.manifest.Replicas[name] = n
		if err := s.Scale(name, n); err != nil {
			return err
		}
	}
	b.stack = s
	text, err := s.Project.MarshalYAML()
	if err != nil {
		return fmt.Errorf("writing the Compose file: %w", err)
	}
	// Variables are resolved: a dollar sign that is left is meant.
	text = bytes.ReplaceAll(text, []byte("$"), []byte("$$"))
	return b.add(backup.Compose, func(w io.Writer) error { _, err := w.Write(text); return err })
}

// saveRedis adds a snapshot of the store.
func (b *saving) saveRedis(ctx context.Context) error {
	if b.stack.Extension.Store == nil {
		return nil
	}
	dial := store.Reach(b.Engine, b.Name)
	conn, err := store.Connect(ctx, dial)
	if err != nil {
		return err
	}
	defer conn.Close()
	if b.manifest.Store, err = readStore(ctx, conn); err != nil {
		return err
	}
	b.manifest.Store.Service = b.stack.Extension.Store.Service
	visits, err := conn.Do(ctx, "GET", store.VisitsKey)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(visits.Text, 10, 64); err == nil && visits.Kind == store.String {
		b.manifest.Visits = &n
	}
	return b.add(backup.Redis, func(w io.Writer) error {
		nc, err := dial(ctx)
		if err != nil {
			return err
		}
		_, err = rdb.Snapshot(ctx, nc, w)
		return err
	})
}

// readStore reads how Redis keeps its data.
func readStore(ctx context.Context, conn *store.Conn) (*backup.Store, error) {
	s := &backup.Store{}
	for name, value := range map[string]*string{
		"dir": &s.Dir, "appendonly": new(string), "appenddirname": &s.AppendDir, "appendfilename": &s.AppendFile, "dbfilename": &s.File,
	} {
		reply, err := conn.Do(ctx, "CONFIG", "GET", name)
		if err == nil {
			err = reply.Err()
		}
		if err == nil && len(reply.Elems) != 2 {
			err = fmt.Errorf("redis has no setting %q; a backup needs version 7.0 or newer", name)
		}
		if err != nil {
			return nil, fmt.Errorf("reading how Redis keeps its data: %w", err)
		}
		*value = reply.Elems[1].Text
		if name == "appendonly" {
			s.AppendOnly = *value == "yes"
		}
	}
	info, err := conn.Do(ctx, "INFO", "server")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(info.Text) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "redis_version:"); ok {
			s.Version = version
		}
	}
	return s, nil
}

// savePostgres adds what pg_dump prints.
func (b *saving) savePostgres(ctx context.Context) error {
	if !slices.Contains(b.stack.With, databaseFeature) {
		return nil
	}
	c, err := b.running(postgresService)
	if err != nil {
		return err
	}
	if err := b.awaitPostgres(ctx, c, 0); err != nil { // an up does not wait for it
		return err
	}
	return b.add(backup.Postgres, func(w io.Writer) error {
		return b.pipe(ctx, c, []string{"pg_dump", "--format=custom", "--no-password"}, nil, w)
	})
}

// running returns the service's container, which must run.
func (b *saving) running(service string) (observe.Container, error) {
	for _, c := range b.observed.Of(service) {
		if c.State == "running" {
			return c, nil
		}
	}
	return observe.Container{}, fmt.Errorf("service %q does not run; start it with `stackctl up`", service)
}

// pipe runs a command in a container, which must succeed.
func (p *Project) pipe(ctx context.Context, c observe.Container, command []string, in io.Reader, out io.Writer) error {
	problem, code, err := p.Engine.Pipe(ctx, c.ID, command, in, out)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d: %s", code, strings.TrimSpace(problem))
	}
	if err != nil {
		return fmt.Errorf("running %s in container %q: %w", command[0], c.Name, err)
	}
	return nil
}

// saveSecrets adds the vault and the certificates, encrypted.
func (b *saving) saveSecrets(ctx context.Context, passphrase string) error {
	secret := backup.Secret{Entries: b.manifest.Entries}
	if vault := kept.VaultOf(b.observed); vault != nil {
		if vault.Rotating() {
			return errors.New("a rotation of its passwords was interrupted; `stackctl rotate` ends it")
		}
		passwords, err := vault.Read(ctx, b.Engine)
		if err != nil {
			return err
		}
		secret.Passwords = passwords
	}
	if slices.Contains(b.stack.With, tlsFeature) {
		if found := b.observed.Of(certsService); len(found) > 0 {
			var content bytes.Buffer
			if err := volumes.Read(ctx, b.Engine, found[0], certsFolder, maxCertificates, &content); err != nil {
				return err
			}
			secret.Certificates = content.Bytes()
		}
	}
	sealed, err := backup.Seal(secret, passphrase)
	if err != nil {
		return err
	}
	return b.add(backup.Secrets, func(w io.Writer) error { _, err := w.Write(sealed); return err })
}
