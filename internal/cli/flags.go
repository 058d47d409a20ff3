package cli

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// choice is a flag that takes one of a few words.
type choice struct {
	word  *string
	words []string
}

func (c choice) String() string {
	if c.word == nil {
		return ""
	}
	return *c.word
}

// Type names what the flag takes, in the help.
func (choice) Type() string { return "string" }

// Set refuses other words.
func (c choice) Set(word string) error {
	if !slices.Contains(c.words, word) {
		return errors.New("use " + strings.Join(c.words, ", "))
	}
	*c.word = word
	return nil
}

// AddChoice adds a flag that takes one of the words, which the shell completes; the default is what word says already.
func AddChoice(cmd *cobra.Command, word *string, name, usage string, words ...string) {
	cmd.Flags().Var(choice{word, words}, name, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// parseSeconds reads 90s, 1m30s or, as docker compose does, 90.
func parseSeconds(text string) (time.Duration, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return 0, errors.New("use a duration such as 60s, or a number of seconds")
	}
	return d, nil
}

// waitTimeout is a flag that takes how long to wait.
type waitTimeout struct{ limit *time.Duration }

func (w waitTimeout) String() string { return "" }

// Type names what the flag takes, in the help.
func (waitTimeout) Type() string { return "duration" }

// Set refuses a time below 0.
func (w waitTimeout) Set(text string) error {
	limit, err := parseSeconds(text)
	if err == nil && limit < 0 {
		err = errors.New("use a duration such as 60s, or --no-wait")
	}
	*w.limit = limit
	return err
}

// AddWaitTimeout adds --wait-timeout.
func AddWaitTimeout(cmd *cobra.Command, limit *time.Duration) {
	cmd.Flags().Var(waitTimeout{limit}, "wait-timeout",
		"how long each wait may take (default: a minute for the stack to answer; for your own healthchecks, what their settings allow)")
}

// grace is a flag that takes a grace period in seconds or as a duration; nil is each container's own.
type grace struct{ period **time.Duration }

func (g grace) String() string { return "" }

// Type names what the flag takes, in the help.
func (grace) Type() string { return "duration" }

// Set takes a number below 0 for each container's own.
func (g grace) Set(text string) error {
	period, err := parseSeconds(text)
	if err != nil {
		return err
	}
	*g.period = nil
	if period >= 0 {
		*g.period = &period
	}
	return nil
}

// AddGrace adds --timeout, how long containers may take to stop.
func AddGrace(cmd *cobra.Command, period **time.Duration) {
	cmd.Flags().VarP(grace{period}, "timeout", "t", "grace period in seconds (default: each container's own)")
}

// AddYes adds --yes to a command that may ask whether a project is to be made from other Compose files.
func (a *App) AddYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&a.Yes, "yes", "y", false, "do not ask before your file replaces the embedded stack in a project, or the other way round")
}
