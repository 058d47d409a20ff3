package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

func newCertCmd(a *app) *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use: "cert", Short: "Show the certificate of the stack",
		Long:    "Show who the stack's certificate is from, its names, how long it is valid, and when it is renewed. `up --with tls` turns HTTPS on.",
		Example: "stackctl cert\nstackctl cert root > root.pem\nstackctl cert trust",
		Args:    cli.Usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.cert(cmd.Context(), format) },
	}
	cli.AddChoice(cmd, &format, "format", "text or json", "text", "json")
	cmd.AddCommand(
		&cobra.Command{
			Use: "root", Short: "Print the certificate of the project's own authority",
			Long:    "Print the certificate of the authority that the project has made for itself, in PEM form. Who trusts it accepts the stack's certificate.",
			Example: "stackctl cert root > root.pem\ncurl --cacert root.pem https://localhost:5443/",
			Args:    cli.Usage(cobra.NoArgs),
			RunE:    func(cmd *cobra.Command, _ []string) error { return a.certRoot(cmd.Context()) },
		},
		&cobra.Command{
			Use: "trust", Short: "Say how to trust the project's own authority",
			Long:    trustText,
			Example: "stackctl cert trust",
			Args:    cli.Usage(cobra.NoArgs),
			RunE:    func(*cobra.Command, []string) error { fmt.Fprintln(a.Out, trustText); return nil },
		},
	)
	return cmd
}

const trustText = `stackctl changes no system's trust. First: stackctl cert root > stackctl-root.pem
  Debian, Ubuntu   sudo cp stackctl-root.pem /usr/local/share/ca-certificates/stackctl.crt && sudo update-ca-certificates
  Fedora           sudo cp stackctl-root.pem /etc/pki/ca-trust/source/anchors/ && sudo update-ca-trust
  macOS            sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain stackctl-root.pem
  Windows          certutil -addstore -f Root stackctl-root.pem
  Firefox          Settings, Certificates, Authorities, Import
  Chromium, Linux  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n stackctl -i stackctl-root.pem
  curl             curl --cacert stackctl-root.pem https://localhost:5443/
Whoever has the authority's key can make certificates that you accept then. It is in the project's volume, for the certs tier alone.`

func (a *app) openAll(ctx context.Context) (*engine.Engine, *observe.Observed, error) {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	observed, err := observe.Labelled(ctx, eng, project, label.Project)
	if err != nil {
		_ = eng.Close()
		return nil, nil, err
	}
	return eng, observed, nil
}

func (a *app) cert(ctx context.Context, format string) error {
	eng, observed, err := a.openAll(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	status, ok, err := observed.Certificate(ctx, eng)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("finding the certificate: the stack has none; `stackctl up --with tls` turns HTTPS on")
	}
	if format == "json" {
		return terminal.JSON(a.Out).Encode(status)
	}
	fmt.Fprintln(a.Out, certLines(status, time.Now()))
	return nil
}

func certLines(s certificate.Status, now time.Time) string {
	lines := []string{
		"issuer        " + termtext.Safe(s.Issuer),
		"names         " + termtext.Safe(strings.Join(s.Names, ", ")),
		"valid until   " + s.NotAfter.Local().Format(time.DateTime) + ", " + s.LeftText(now),
		"fingerprint   " + termtext.Safe(s.Fingerprint),
	}
	if !s.NextRenewal.IsZero() {
		lines = append(lines, "next renewal  "+s.NextRenewal.Local().Format(time.DateTime))
	}
	if s.LastError != "" {
		lines = append(lines, "last error    "+termtext.Safe(s.LastError))
	}
	return strings.Join(lines, "\n")
}

func (a *app) certRoot(ctx context.Context) error {
	eng, observed, err := a.openAll(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	root, err := observed.Root(ctx, eng)
	if err != nil {
		return err
	}
	fmt.Fprint(a.Out, root)
	return nil
}
