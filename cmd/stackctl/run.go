package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/terminal"
)

// Exit codes, the same for every command; `exec` passes on that of the program it ran, and a signal has its own.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// run is the whole program as a function of its context, streams and arguments.
func run(ctx context.Context, s *terminal.Streams, args []string) int {
	limit := time.Duration(0)
	if text := os.Getenv("STACKCTL_ENGINE_TIMEOUT"); text != "" {
		var err error
		limit, err = time.ParseDuration(text)
		if err != nil || limit <= 0 {
			fmt.Fprintf(s.Err, "stackctl: reading STACKCTL_ENGINE_TIMEOUT %q: use a duration such as 2m\n", text)
			return exitUsage
		}
	}
	s = s.Guarded()
	defer s.Flush()
	root := newRoot(s, limit)
	root.SetArgs(args)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		root.SetOut(s.Out) // candidates are foreign; all else that cobra prints is our own, and coloured
	}
	// fang gives the help its looks and the man pages. Errors are reported here, so that scripts can rely on their form;
	// fang would also ask the terminal for its background colour before it prints one.
	var failure error
	keepError(root, &failure)
	err := fang.Execute(ctx, root, fang.WithVersion(version), fang.WithoutVersion(), fang.WithErrorHandler(func(io.Writer, fang.Styles, error) {}))
	if err != nil && failure == nil { // no command ran: flags, arguments or the command itself are wrong
		err = cli.WrongFlag(err)
	}
	err = cmp.Or(failure, err)
	err = terminal.CauseOf(ctx, err)
	if err != nil && !errors.As(err, new(terminal.Signalled)) && !errors.Is(err, terminal.ErrReported) && !errors.As(err, new(cli.ExitError)) {
		printError(s, root, err)
	}
	return exitCodeOf(err)
}

// printError says what failed, in the form that --progress asks for.
func printError(s *terminal.Streams, root *cobra.Command, err error) {
	if style, _ := root.PersistentFlags().GetString("progress"); style == "json" {
		_ = terminal.JSON(s.Err).Encode(map[string]string{"kind": "error", "error": err.Error()})
		return
	}
	fmt.Fprintln(s.Err, "stackctl: "+cli.ErrorText(err))
}

// keepError takes the errors of all commands out of fang's hands.
func keepError(cmd *cobra.Command, failure *error) {
	if inner := cmd.RunE; inner != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*failure = inner(cmd, args)
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		keepError(sub, failure)
	}
}

func exitCodeOf(err error) int {
	var program cli.ExitError
	var signal terminal.Signalled
	var wrong cli.UsageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &program):
		return int(program)
	case errors.As(err, &signal):
		return signal.ExitCode()
	case errors.As(err, &wrong), errors.Is(err, terminal.ErrNone):
		return exitUsage
	}
	return exitFailed
}
