package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/termtext"
)

// CompleteServices offers the Compose file's services.
func (a *App) CompleteServices(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	s, err := a.Muted().Read(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return Words(s.Project.ServiceNames(), given), cobra.ShellCompDirectiveNoFileComp
}

// CompleteRunning offers the services that the project has containers of.
func (a *App) CompleteRunning(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	project, err := a.Muted().ProjectName(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	eng, err := a.Connect(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer eng.Close()
	list, err := observe.Containers(cmd.Context(), eng, project)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, c := range list {
		if !c.OneOff && !slices.Contains(names, c.Service) {
			names = append(names, c.Service)
		}
	}
	return Words(names, given), cobra.ShellCompDirectiveNoFileComp
}

// Words leaves out what was given already, and names that a shell cannot take as one harmless word.
func Words(names, given []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(given, name) || name != termtext.Safe(name) || strings.ContainsAny(name, " \t\n")
	})
}
