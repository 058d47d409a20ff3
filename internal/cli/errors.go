package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stackctl.dev/stackctl/internal/termtext"
)

// UsageError marks a wrong use of the command line: exit code 2.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

// Wrong makes an error of wrong usage.
func Wrong(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Usage makes an argument check report wrong usage.
func Usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return Wrong("%w; see `%s --help`", err, cmd.CommandPath())
		}
		return nil
	}
}

// ExitError carries the exit code of a program that a command ran.
type ExitError int

func (e ExitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// ErrorText is an error in its safe form. It has a line for each of several errors, and no other line breaks: those would be foreign.
func ErrorText(err error) string {
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
			lines[i] = ErrorText(one)
		}
		return termtext.Safe(before) + strings.Join(lines, "\n") + termtext.Safe(after)
	}
	return termtext.Safe(text)
}

// WrongFlag puts the error of a flag's value into the form that other checks have.
func WrongFlag(err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return Wrong("%w", err)
	}
	flag, cause := wrong.GetFlag(), wrong.Unwrap()
	if errors.As(cause, new(*strconv.NumError)) && flag.Value.Type() != "bool" {
		cause = errors.New("use a number")
	}
	return Wrong("checking --%s %q: %w", flag.Name, wrong.GetValue(), cause)
}
