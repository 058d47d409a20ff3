package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Program is a command line tool with its global flags.
type Program struct {
	Command []string
	Dir     string
	Env     []string
}

// Program is a tool on the rig's engine, without environment variables that change its commands.
func (r *Rig) Program(command ...string) Program {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "COMPOSE_") || name == "STACKCTL_PORT" || name == "DOCKER_HOST" || name == "DOCKER_CONTEXT" {
			continue
		}
		env = append(env, entry)
	}
	return Program{Command: command, Dir: r.Dir, Env: append(env, "DOCKER_HOST="+r.Engine.Address, "DOCKER_CLI_HINTS=false")}
}

// Stackctl is the measured binary with a project, whose embedded stack is published at a port.
func (r *Rig) Stackctl(project string, port int, flags ...string) Program {
	p := r.Program(append([]string{r.Binary, "--project-name", project, "--progress", "plain"}, flags...)...)
	p.Env = append(p.Env, fmt.Sprintf("STACKCTL_PORT=%d", port))
	return p
}

// Output runs the program without a terminal and returns its standard output, also when it fails.
func (p Program) Output(ctx context.Context, args ...string) ([]byte, error) {
	all := slices.Concat(p.Command, args)
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Dir, cmd.Env = p.Dir, p.Env
	// Interrupted rather than killed, so that a tool with a plug-in ends that too.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return out.Bytes(), fmt.Errorf("running `%s %s`: %w: %s", filepath.Base(all[0]), strings.Join(all[1:], " "), err, bytes.TrimSpace(errOut.Bytes()))
	}
	return out.Bytes(), nil
}

// Timing measures the program from its start to its end.
func (p Program) Timing(args ...string) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		begin := time.Now()
		_, err := p.Output(ctx, args...)
		return time.Since(begin), err
	}
}

// On is the program with further global flags.
func (p Program) On(flags ...string) Program {
	p.Command = slices.Concat(p.Command, flags)
	return p
}
