package operate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/backup"
	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/terminal"
)

type restoreOptions struct {
	secrets secretOptions
	project.RestoreOptions
	to, tlsPort string
	yes         bool
}

func newRestoreCmd(a *app) *cobra.Command {
	o := &restoreOptions{}
	cmd := &cobra.Command{
		Use: "restore FILE|-", Short: "Make the stack what it was when a backup was made",
		Long: "Check a file of `stackctl backup`, all of it, and make a stack of it: the data of Redis and of the database, passwords, certificates, features, replicas and port. " +
			"The project is that of --to or --project-name, or else that of the backup. One that exists is replaced, after a question; volumes that the backup has nothing of stay.\n" +
			"If it fails in between, the same command begins again. Restore only backups that you trust: a database's dump is a program.",
		Example: "stackctl restore stack.tar\nstackctl restore stack.tar --to trial --port 5010\nstackctl restore --passphrase-file key.txt --yes stack.tar",
		Args:    cli.Usage(cobra.ExactArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.restore(cmd.Context(), o, args[0]) },
	}
	cmd.AddCommand(newRestoreVisitsCmd(a))
	flags := cmd.Flags()
	flags.StringVar(&o.to, "to", "", "project to restore to (default: that of --project-name, or else of the backup)")
	flags.IntVar(&o.Port, "port", 0, "publish the stack on this port (default: that of the backup)")
	flags.StringVar(&o.tlsPort, "tls-port", "", "publish HTTPS on this port (default: that of the backup)")
	flags.BoolVarP(&o.yes, "yes", "y", false, "replace a project that exists without asking")
	o.secrets.addFlags(cmd, "do not restore passwords and certificates: new ones are made")
	cli.AddWaitTimeout(cmd, &o.Limit)
	return cmd
}

func (a *app) restore(ctx context.Context, o *restoreOptions, name string) error {
	if err := o.checkFlags(); err != nil {
		return err
	}
	file, remove, err := a.openBackup(ctx, name)
	if err != nil {
		return err
	}
	defer remove()
	b, err := backup.NewReader(file) // for the project's name; Restore checks the rest
	if err != nil {
		return err
	}
	to := cmp.Or(o.to, a.ExplicitName(), b.Manifest.Project)
	a.Project = to
	if b.Manifest.Has(backup.Secrets) && !o.secrets.without {
		if err := o.secrets.check(a); err != nil {
			return err
		}
		o.Passphrase = func(ctx context.Context) (string, error) { return o.secrets.read(ctx, a, false) }
	}
	eng, err := a.Connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show := a.Progress.Renderer(a.Err)
	o.Replace = func(ctx context.Context, m *backup.Manifest, what string) error {
		show.Pause()
		return a.agreeToReplace(ctx, to, m, what, o.yes)
	}
	p := a.On(eng, to, show)
	result, m, err := p.Restore(ctx, file, o.RestoreOptions)
	show.Close()
	if err != nil {
		a.PrintFailure(ctx, p, err)
		return err
	}
	a.Tell(fmt.Sprintf("restored %s in %s", described(m), progress.Round(result.Took)))
	if o.Passphrase == nil {
		a.Tell("without passwords and certificates of the backup: new ones were made")
	}
	for _, url := range result.URLs {
		fmt.Fprintln(a.Out, url)
	}
	return nil
}

func (o *restoreOptions) checkFlags() error {
	if o.Port < 0 || o.Port > 65535 {
		return cli.Wrong("checking --port: use 1 to 65535")
	}
	if o.to != "" {
		if err := stack.CheckProjectName(o.to); err != nil {
			return cli.Wrong("%s", err)
		}
	}
	if o.tlsPort == "" {
		return nil
	}
	choice, _ := stack.ChoiceOf("tls-port")
	if err := choice.Check(o.tlsPort); err != nil {
		return cli.Wrong("%s", err)
	}
	o.Choices = map[string]string{choice.Variable: o.tlsPort}
	return nil
}

func (a *app) agreeToReplace(ctx context.Context, name string, m *backup.Manifest, what string, yes bool) error {
	a.Tell(fmt.Sprintf("project %q exists: %s", name, what))
	agreed, given, err := a.Agreed(ctx, fmt.Sprintf("Replace it by %s of %s, for good?", m.Project, m.Time.Format(time.RFC3339)), yes)
	switch {
	case err == nil && !given:
		return cli.Wrong("replacing project %q: there is no terminal to ask on; use --yes, or --to for another project", name)
	case err == nil && !agreed:
		return terminal.ErrReported
	}
	return err
}

// openBackup opens a backup, which is read several times: one that comes by standard input is copied to a file first.
func (a *app) openBackup(ctx context.Context, name string) (file *os.File, remove func(), err error) {
	if name != toStdout {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the backup: %w", err)
		}
		if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
			_ = file.Close()
			return nil, nil, fmt.Errorf("reading the backup: %q is no file", name)
		}
		return file, func() { _ = file.Close() }, nil
	}
	if terminal.Is(a.In) {
		return nil, nil, cli.Wrong("reading the backup: standard input is a terminal; name a file")
	}
	file, err = os.CreateTemp("", "stackctl-restore-*")
	if err != nil {
		return nil, nil, fmt.Errorf("reading the backup: %w", err)
	}
	remove = func() { _ = file.Close(); _ = os.Remove(file.Name()) }
	copied := make(chan error, 1)
	go func() { _, err := io.Copy(file, a.In); copied <- err }() // ends with its input, or with the process
	select {
	case err = <-copied:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		remove()
		return nil, nil, fmt.Errorf("reading the backup: %w", err)
	}
	return file, remove, nil
}
