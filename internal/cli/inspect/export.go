package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/termtext"
)

// grafanaFolder has the files for Grafana.
const grafanaFolder = "features/monitoring/grafana"

func newExportCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Write files for other tools",
		Example: "stackctl export grafana ./grafana",
		Args:    cli.Usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	overwrite := false
	grafana := &cobra.Command{
		Use: "grafana DIRECTORY", Short: "Write the dashboards for a Grafana of your own",
		Long: "Write what a Grafana of your own needs to show the stack's dashboards: their JSON, and the provisioning of the data source and " +
			"of the dashboards. Files that are there and have other contents are only replaced with --overwrite.",
		Example: "stackctl export grafana ./grafana",
		Args:    cli.Usage(cobra.ExactArgs(1)),
		RunE:    func(_ *cobra.Command, args []string) error { return a.exportGrafana(args[0], overwrite) },
	}
	grafana.Flags().BoolVar(&overwrite, "overwrite", false, "replace files that have other contents")
	cmd.AddCommand(grafana)
	return cmd
}

// grafanaPlace is where a file is written: Grafana has a folder for each kind of provisioning.
func grafanaPlace(name string) string {
	if name == "datasource.yaml" {
		return filepath.Join("provisioning", "datasources", "stackctl.yaml")
	}
	if name == "dashboards.yaml" {
		return filepath.Join("provisioning", "dashboards", "stackctl.yaml")
	}
	return filepath.Join("dashboards", name)
}

// exportGrafana looks at all the files before it writes one.
func (a *app) exportGrafana(dir string, overwrite bool) error {
	entries, err := fs.ReadDir(assets.FS, grafanaFolder)
	if err != nil {
		return fmt.Errorf("reading the dashboards: %w", err)
	}
	var foreign []string
	contents := map[string][]byte{}
	for _, entry := range entries {
		content, err := fs.ReadFile(assets.FS, grafanaFolder+"/"+entry.Name())
		if err != nil {
			return fmt.Errorf("reading the dashboards: %w", err)
		}
		file := filepath.Join(dir, grafanaPlace(entry.Name()))
		contents[file] = content
		switch there, err := os.ReadFile(file); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("reading %q: %w", file, err)
		case !bytes.Equal(there, content):
			foreign = append(foreign, strconv.Quote(file))
		}
	}
	if len(foreign) > 0 && !overwrite {
		return fmt.Errorf("writing the dashboards: %s would be replaced; name another directory, or use --overwrite", strings.Join(foreign, ", "))
	}
	for _, entry := range entries {
		file := filepath.Join(dir, grafanaPlace(entry.Name()))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("making a directory for the dashboards: %w", err)
		}
		if err := os.WriteFile(file, contents[file], 0o644); err != nil {
			return fmt.Errorf("writing the dashboards: %w", err)
		}
		fmt.Fprintln(a.Out, termtext.Safe(file))
	}
	fmt.Fprintf(a.Err, "Mount %q at /etc/grafana/provisioning and %q at /etc/grafana/stackctl,\nand set the URL in %q to where Grafana reaches Prometheus.\n",
		filepath.Join(dir, "provisioning"), filepath.Join(dir, "dashboards"), filepath.Join(dir, grafanaPlace("datasource.yaml")))
	return nil
}
