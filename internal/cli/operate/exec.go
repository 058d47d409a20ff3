package operate

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/terminal"
)

type execOptions struct {
	service string
	command []string
	noTTY   bool
	detach  bool
	index   int
	env     []string
	user    string
	workdir string
}

func newExecCmd(a *app) *cobra.Command {
	o := &execOptions{}
	cmd := &cobra.Command{
		Use: "exec SERVICE COMMAND [ARG...]", Short: "Run a command in a running container",
		Long:    "Run a command in a running container of a service, with a terminal where there is one. The exit code is that of the command.",
		Example: "stackctl exec redis redis-cli --version\necho PING | stackctl exec -T redis redis-cli",
		Args:    cli.Usage(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.service, o.command, o.env = args[0], args[1:], passedOn(o.env)
			return a.exec(cmd.Context(), o)
		},
		ValidArgsFunction: a.CompleteRunning,
	}
	cmd.Flags().SetInterspersed(false) // what follows the service belongs to the command
	cmd.Flags().BoolVarP(&o.noTTY, "no-tty", "T", false, "do not allocate a terminal")
	addTerminalFlags(cmd)
	cmd.Flags().IntVar(&o.index, "index", 0, "number of the replica, from 1 (default: the first that runs)")
	cmd.Flags().BoolVarP(&o.detach, "detach", "d", false, "do not wait for it")
	cmd.Flags().StringArrayVarP(&o.env, "env", "e", nil, "set a variable, as NAME=VALUE, or pass NAME on; repeatable")
	cmd.Flags().StringVarP(&o.user, "user", "u", "", "run as this user")
	cmd.Flags().StringVarP(&o.workdir, "workdir", "w", "", "run in this folder")
	return cmd
}

func (a *app) exec(ctx context.Context, o *execOptions) error {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	id, err := findReplica(ctx, eng, project, o.service, o.index)
	if err != nil {
		return err
	}
	x := engine.Exec{Command: o.command, Env: o.env, User: o.user, WorkingDir: o.workdir, In: a.In, Out: terminal.Raw(a.Out), Err: terminal.Raw(a.Err)}
	if o.detach {
		return eng.ExecDetached(ctx, id, x)
	}
	if !o.noTTY && a.Interactive() {
		restore, err := a.RawInput()
		if err != nil {
			return err
		}
		defer restore()
		x.TTY, x.WatchSize = true, a.WatchSize
	}
	code, err := eng.Exec(ctx, id, x)
	if err == nil && code != 0 {
		return cli.ExitError(code)
	}
	return err
}

// addTerminalFlags are those that docker's users type by habit. What they ask for is done anyway.
func addTerminalFlags(cmd *cobra.Command) {
	cmd.Flags().BoolP("interactive", "i", true, "accepted as docker does: the input is always passed on")
	cmd.Flags().BoolP("tty", "t", true, "accepted as docker does: a terminal is allocated where there is one; -T does not")
}

// passedOn gives variables without a value the one that they have here; those that have none are left out, as docker does.
func passedOn(env []string) []string {
	var full []string
	for _, e := range env {
		if strings.Contains(e, "=") {
			full = append(full, e)
		} else if value, ok := os.LookupEnv(e); ok {
			full = append(full, e+"="+value)
		}
	}
	return full
}

// findReplica returns the ID of a running container; an index of 0 is the first that runs.
func findReplica(ctx context.Context, eng *engine.Engine, project, service string, index int) (string, error) {
	list, err := observe.Containers(ctx, eng, project)
	if err != nil {
		return "", err
	}
	var have []string
	for _, c := range list {
		if c.OneOff || c.Service != service {
			continue
		}
		if c.State == "running" && (index == 0 || c.Number == index) {
			return c.ID, nil
		}
		if c.Number == index {
			return "", fmt.Errorf("running a command in container %q: it is %s; start it with `stackctl up`", c.Name, c.State)
		}
		have = append(have, fmt.Sprintf("%d (%s)", c.Number, c.State))
	}
	if index == 0 && len(have) > 0 {
		return "", fmt.Errorf("running a command in service %q: none of its replicas runs: %s; start it with `stackctl up`", service, strings.Join(have, ", "))
	}
	if len(have) > 0 {
		return "", fmt.Errorf("finding replica %d of service %q: it has %s", index, service, strings.Join(have, ", "))
	}
	return "", observe.NoContainers(service, project)
}
