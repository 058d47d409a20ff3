package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// program is a command line tool with its global flags.
type program struct {
	command []string
	dir     string
	env     []string
}

// output runs the program without a terminal and returns its standard output, also when it fails.
func (p program) output(ctx context.Context, args ...string) ([]byte, error) {
	all := append(append([]string{}, p.command...), args...)
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Dir, cmd.Env = p.dir, p.env
	// Interrupted rather than killed, so that a tool which works through a plug-in takes that with it.
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

// timing measures the program from its start to its end.
func (p program) timing(args ...string) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		begin := time.Now()
		_, err := p.output(ctx, args...)
		return time.Since(begin), err
	}
}
