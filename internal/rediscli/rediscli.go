// Package rediscli runs Redis commands as redis-cli does: one, those of a pipe, or a console on a terminal.
package rediscli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

// CLI runs commands in a session, and prints their replies.
type CLI struct {
	*terminal.Streams
	Options
	Session *console.Session
	Tell    func(text string) // takes messages for people
	// Agree agrees, where there is no terminal to ask on, to what takes all data or Redis itself away.
	Agree func(ctx context.Context) error
}

// Options say how commands are run.
type Options struct {
	Format   Format
	Repeat   int     // how often; -1 is until the context ends
	Interval float64 // seconds between two
	Fail     bool    // an error reply is a failure
	Yes      bool    // nobody is asked
}

// Format is how replies are printed. Without a flag it is for people on a terminal, raw into a pipe.
type Format struct{ JSON, Raw, NoRaw bool }

func (f Format) text(args []string, reply store.Reply, terminal bool) string {
	switch {
	case f.JSON:
		return store.FormatJSON(reply)
	case f.Raw || !terminal && !f.NoRaw:
		return store.FormatRaw(reply)
	}
	return store.FormatTTY(args, reply)
}

// Run runs one command as often as the flags say.
func (c *CLI) Run(ctx context.Context, args []string) error {
	if ok, err := c.mayRun(ctx, args); err != nil || !ok {
		return err
	}
	for n := 0; c.Repeat < 0 || n < c.Repeat; n++ {
		if n > 0 && c.Interval > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(c.Interval * float64(time.Second))):
			}
		}
		if err := c.run(ctx, args); err != nil {
			return err
		}
	}
	return nil
}

// mayRun asks before what takes all data or Redis itself away, or needs --yes where there is no terminal.
func (c *CLI) mayRun(ctx context.Context, args []string) (bool, error) {
	switch strings.ToUpper(args[0]) {
	case "FLUSHALL", "FLUSHDB", "SHUTDOWN":
	default:
		return true, nil
	}
	if c.Yes {
		return true, nil
	}
	if !terminal.Is(c.In) {
		err := c.Agree(ctx)
		return err == nil, err
	}
	for _, line := range c.Session.Describe(ctx, args) {
		c.Tell("  " + termtext.Safe(line))
	}
	return c.Ask(ctx, "Run "+termtext.Safe(strings.Join(args, " "))+"?")
}

// run runs one command and prints its reply, or its messages as they come.
func (c *CLI) run(ctx context.Context, args []string) error {
	if store.Streams(args) {
		if terminal.Is(c.Out) {
			c.Tell("reading messages; Ctrl-C ends it")
		}
		return c.Session.Stream(ctx, args, func(reply store.Reply) error { return c.Print(args, reply) })
	}
	reply, err := c.Session.Do(ctx, args)
	if err != nil && strings.EqualFold(args[0], "SHUTDOWN") && errors.Is(err, io.EOF) {
		c.Tell("Redis has closed the connection, as it does after SHUTDOWN")
		return nil
	}
	if err != nil {
		return err
	}
	return c.Print(args, reply)
}

// Print prints a reply as redis-cli does.
func (c *CLI) Print(args []string, reply store.Reply) error {
	if reply.Kind == store.Error && c.Fail {
		return replyError{args[0], termtext.Safe(reply.Text)}
	}
	screen := terminal.Is(c.Out)
	text := c.Format.text(args, reply, screen)
	if screen {
		text = termtext.SafeLines(text)
	}
	_, err := fmt.Fprintln(terminal.Raw(c.Out), strings.TrimSuffix(text, "\n"))
	return err
}

// replyError is an error reply where that is a failure.
type replyError struct{ command, text string }

func (e replyError) Error() string { return e.command + ": " + e.text }
