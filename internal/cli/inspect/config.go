package inspect

import (
	"bytes"
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/termtext"
)

func newConfigCmd(a *app) *cobra.Command {
	format, resolve := "yaml", false
	var lists *configLists
	var chosen *cli.Chosen
	cmd := &cobra.Command{
		Use: "config [SERVICE...]", Short: "Print the resolved Compose file",
		Long: "Print the Compose file as it is understood: merged, interpolated, with defaults; only the services that are named, and what they depend on, if there are any. The result is a valid Compose file.\n" +
			"A key that stackctl does not honour is an error, never ignored; docs/compose-extension.md lists those it honours.",
		Example: "stackctl config\nstackctl -f compose.yaml config --format json\nstackctl config --with tls             # the embedded stack with a feature\nstackctl config --resolve-images > compose.resolved.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if done, err := a.configLists(cmd.Context(), lists, args); done || err != nil {
				return err
			}
			if err := chosen.Read(cmd.Flags()); err != nil {
				return err
			}
			return a.config(cmd.Context(), chosen, format, resolve, args)
		},
		ValidArgsFunction: a.CompleteServices,
	}
	lists = addConfigLists(cmd)
	chosen = cli.AddChosen(cmd)
	cli.AddChoice(cmd, &format, "format", "yaml or json", "yaml", "json")
	cmd.Flags().BoolVar(&resolve, "resolve-images", false, "name the images that the engine has for the services")
	return cmd
}

func (a *app) config(ctx context.Context, chosen *cli.Chosen, format string, resolve bool, services []string) error {
	settings, err := chosen.Settings()
	if err != nil {
		return err
	}
	s, err := a.Load(ctx, settings, services...)
	if err != nil {
		return err
	}
	project := s.Project
	if resolve {
		eng, err := a.Connect(ctx)
		if err != nil {
			return err
		}
		defer eng.Close()
		found, err := images.Find(ctx, eng, s, a.Images())
		if err != nil {
			return err
		}
		for _, res := range found {
			svc := project.Services[res.Service]
			if res.ID == "" {
				return fmt.Errorf("resolving image %q of service %q: the engine does not have it; run `stackctl images pull`", res.Wanted, res.Service)
			}
			svc.Image, svc.Build = res.Ref, nil
			project.Services[res.Service] = svc
		}
	}
	data, err := marshal(project, format)
	if err != nil {
		return fmt.Errorf("printing the Compose file: %w", err)
	}
	// Variables are resolved already: a dollar sign that is left is meant, and a reader must not resolve it again.
	_, err = termtext.JSON(a.Out).Write(bytes.ReplaceAll(data, []byte("$"), []byte("$$")))
	return err
}

func marshal(project *types.Project, format string) ([]byte, error) {
	if format == "json" {
		data, err := project.MarshalJSON()
		return append(data, '\n'), err
	}
	data, err := project.MarshalYAML()
	if err != nil || termtext.SafeLines(string(data)) == string(data) {
		return data, err
	}
	// Only in double quotes can YAML have an escape for what must not reach a terminal.
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	quoteUnsafe(&document)
	return yaml.Marshal(&document)
}

func quoteUnsafe(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && termtext.SafeLines(node.Value) != node.Value {
		node.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range node.Content {
		quoteUnsafe(child)
	}
}
