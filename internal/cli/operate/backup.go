package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/backup"
	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/terminal"
)

// toStdout is the name of standard output or input instead of a file.
const toStdout = "-"

type backupOptions struct {
	secrets secretOptions
	yes     bool
}

func newBackupCmd(a *app) *cobra.Command {
	o := &backupOptions{}
	cmd := &cobra.Command{
		Use: "backup [FILE|-]", Short: "Save the data and the settings of the running stack in a file",
		Long: "Save what Redis and the database hold, the passwords and certificates, the Compose file and what is on, while the stack runs and visits go on. " +
			"`stackctl restore` makes a stack of it, on any engine.\nPasswords and certificates are encrypted with a passphrase, or left out. Without FILE it is PROJECT-TIME.tar in the current folder; - is standard output.",
		Example: "stackctl backup\nstackctl backup --passphrase-file key.txt stack.tar\nstackctl backup --without-secrets - | ssh host 'cat > stack.tar'",
		Args:    cli.Usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.backup(cmd.Context(), o, append(args, "")[0])
		},
	}
	o.secrets.addFlags(cmd, "leave passwords and certificates out: restoring makes new ones")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "overwrite the file without asking")
	return cmd
}

func (a *app) backup(ctx context.Context, o *backupOptions, file string) error {
	if file == toStdout && terminal.Is(a.Out) {
		return cli.Wrong("writing the backup: standard output is a terminal; name a file, or redirect it")
	}
	if err := o.secrets.check(a); err != nil {
		return err
	}
	eng, name, err := a.OpenFiles(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	return a.backupTo(ctx, eng, name, o, file)
}

func (a *app) backupTo(ctx context.Context, eng *engine.Engine, name string, o *backupOptions, file string) error {
	if file == "" {
		file = name + "-" + time.Now().UTC().Format("20060102-150405") + ".tar"
	}
	if _, err := os.Lstat(file); file != toStdout && err == nil {
		agreed, given, err := a.Agreed(ctx, fmt.Sprintf("Overwrite %s?", file), o.yes)
		switch {
		case err == nil && !given:
			return cli.Wrong("writing the backup: %s exists, and there is no terminal to ask on; use --yes, or name another file", file)
		case err == nil && !agreed:
			return terminal.ErrReported
		case err != nil:
			return err
		}
	}
	passphrase := ""
	if !o.secrets.without {
		var err error
		if passphrase, err = o.secrets.read(ctx, a, true); err != nil {
			return err
		}
	}
	show := a.Progress.Renderer(a.Err)
	var m *backup.Manifest
	save := func(w io.Writer) (err error) { m, err = a.On(eng, name, show).Backup(ctx, w, passphrase); return err }
	var err error
	if file == toStdout {
		err = save(terminal.Raw(a.Out))
	} else {
		err = writeBeside(file, save)
	}
	show.Close()
	if err != nil {
		return err
	}
	what := "saved " + described(m)
	if file != toStdout {
		what += " in " + file
	}
	a.Tell(what)
	if m.Missing != "" {
		a.Tell("without " + m.Missing + ": restoring it makes new ones")
	}
	return nil
}

// described says in words what a backup has.
func described(m *backup.Manifest) string {
	parts := []string{units.HumanSize(float64(m.Size()))}
	if m.Visits != nil {
		parts = append(parts, fmt.Sprintf("%d visits", *m.Visits))
	}
	for _, part := range []struct{ entry, words string }{
		{backup.Redis, "Redis"}, {backup.Postgres, "PostgreSQL"}, {backup.Secrets, "passwords and certificates, encrypted"},
	} {
		if m.Has(part.entry) {
			parts = append(parts, part.words)
		}
	}
	return fmt.Sprintf("project %q as of %s (%s)", m.Project, m.Time.Format(time.RFC3339), strings.Join(parts, ", "))
}

// writeBeside writes a file under another name, that it gets its own only once it is complete. Only its owner may read it.
func writeBeside(file string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// secretOptions say where the passphrase of the secrets comes from.
type secretOptions struct {
	file    string
	without bool
}

func (o *secretOptions) addFlags(cmd *cobra.Command, without string) {
	cmd.Flags().StringVar(&o.file, "passphrase-file", "", "file whose first line is the passphrase (default: asked for on the terminal)")
	cmd.Flags().BoolVar(&o.without, "without-secrets", false, without)
	cmd.MarkFlagsMutuallyExclusive("passphrase-file", "without-secrets")
}

// check finds out early whether there is any way to a passphrase.
func (o *secretOptions) check(a *app) error {
	if o.without || o.file != "" || terminal.Is(a.In) {
		return nil
	}
	return cli.Wrong("asking for the passphrase of the passwords and certificates: there is no terminal to ask on; use --passphrase-file FILE or --without-secrets")
}

// maxPassphrase bounds a passphrase, in bytes.
const maxPassphrase = 4 << 10

// read returns the passphrase; a new one is asked for twice.
func (o *secretOptions) read(ctx context.Context, a *app, fresh bool) (string, error) {
	if o.file != "" {
		return readPassphrase(o.file)
	}
	passphrase, err := a.Hidden(ctx, "Passphrase", "the passphrase")
	if errors.Is(err, terminal.ErrNone) {
		return "", o.check(a)
	}
	if err == nil && passphrase == "" {
		err = errors.New("reading the passphrase: it is empty; use --without-secrets to do without")
	}
	if err != nil || !fresh {
		return passphrase, err
	}
	again, err := a.Hidden(ctx, "Again", "the passphrase")
	if err == nil && again != passphrase {
		err = errors.New("reading the passphrase: the two are different")
	}
	return passphrase, err
}

func readPassphrase(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode()&(fs.ModeDir) != 0 {
		return "", fmt.Errorf("reading the passphrase: %q is no file", name)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxPassphrase))
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("reading the passphrase: the first line of %q is empty", name)
	}
	return line, nil
}
