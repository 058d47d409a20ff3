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

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/termtext"
)

// Exit codes, the same for every command; `exec` passes on that of the program it ran.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUsage     = 2
	exitSignalled = 128 // and the signal's number, as shells have it
)

// exitError carries the exit code of a program that a command ran.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run is the whole program as a function of its context, streams and arguments.
func run(ctx context.Context, s *streams, args []string) int {
	if text := os.Getenv("STACKCTL_ENGINE_TIMEOUT"); text != "" {
		limit, err := time.ParseDuration(text)
		if err != nil || limit <= 0 {
			fmt.Fprintf(s.Err, "stackctl: reading STACKCTL_ENGINE_TIMEOUT %q: use a duration such as 2m\n", text)
			return exitUsage
		}
		orchestrate.CallLimit = limit
	}
	s = s.guarded()
	defer s.flush()
	root := newRoot(s)
	root.SetArgs(args)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		root.SetOut(s.Out) // candidates are foreign; all else that cobra prints is our own, and coloured
	}
	// fang gives the help its looks and the man pages. Errors are reported here, so that scripts can rely on their form;
	// fang would also ask the terminal for its background colour before it prints one.
	var failure error
	keepError(root, &failure)
	err := fang.Execute(ctx, root, fang.WithVersion(version), fang.WithoutVersion(), fang.WithErrorHandler(func(io.Writer, fang.Styles, error) {}))
	err = cmp.Or(failure, err)
	err = causeOf(ctx, err)
	if err != nil && !errors.As(err, new(signalled)) && !errors.Is(err, errSilent) && !errors.As(err, new(exitError)) {
		printError(s, root, err)
	}
	return exitCodeOf(err)
}

// printError says what failed, in the form that --progress asks for.
func printError(s *streams, root *cobra.Command, err error) {
	if style, _ := root.PersistentFlags().GetString("progress"); style == "json" {
		_ = newJSON(s.Err).Encode(map[string]string{"kind": "error", "error": err.Error()})
		return
	}
	fmt.Fprintln(s.Err, "stackctl: "+errorText(err))
}

// errorText is an error in its safe form. It has a line for each of several errors, and no other line breaks: those would be foreign.
func errorText(err error) string {
	text := err.Error()
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		several, ok := inner.(interface{ Unwrap() []error })
		if !ok {
			continue
		}
		before, after, found := strings.Cut(text, inner.Error())
		var lines []string
		for _, one := range several.Unwrap() {
			lines = append(lines, one.Error())
		}
		if !found || strings.Join(lines, "\n") != inner.Error() {
			break // of fmt.Errorf, which puts several into one text
		}
		for i, one := range several.Unwrap() {
			lines[i] = errorText(one)
		}
		return termtext.Safe(before) + strings.Join(lines, "\n") + termtext.Safe(after)
	}
	return termtext.Safe(text)
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
	var program exitError
	var signal signalled
	var wrong usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &program):
		return int(program)
	case errors.As(err, &signal):
		return signal.exitCode()
	case errors.As(err, &wrong), isCobraUsage(err):
		return exitUsage
	}
	return exitFailed
}

// isCobraUsage finds cobra's own complaint about an unknown command, for which it has no type.
func isCobraUsage(err error) bool { return strings.HasPrefix(err.Error(), "unknown command") }
