package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/termtext"
)

// completeServices offers the Compose file's services.
func (a *app) completeServices(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	s, err := a.muted().read(cmd.Context(), nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return without(s.Project.ServiceNames(), given), cobra.ShellCompDirectiveNoFileComp
}

// completeRunning offers the services that the project has containers of.
func (a *app) completeRunning(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	project, err := a.muted().projectName(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	eng, err := a.connect(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer eng.Close()
	list, err := orchestrate.Containers(cmd.Context(), eng, project)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, c := range list {
		if !c.OneOff && !slices.Contains(names, c.Service) {
			names = append(names, c.Service)
		}
	}
	return without(names, given), cobra.ShellCompDirectiveNoFileComp
}

// without leaves out what was given already, and names that a shell cannot take as one harmless word.
func without(names, given []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(given, name) || name != termtext.Safe(name) || strings.ContainsAny(name, " \t\n")
	})
}
