package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/termtext"
)

// replyFormat is how replies are printed. Without a flag it is for people on a terminal, raw into a pipe.
type replyFormat struct{ json, raw, noRaw bool }

func (f replyFormat) text(args []string, reply store.Reply, terminal bool) string {
	switch {
	case f.json:
		return store.FormatJSON(reply)
	case f.raw || !terminal && !f.noRaw:
		return store.FormatRaw(reply)
	}
	return store.FormatTTY(args, reply)
}

// runRedis runs one command and prints its reply, or its messages as they come.
func (a *app) runRedis(ctx context.Context, session *console.Session, o *redisOptions, args []string) error {
	if store.Streams(args) {
		if isTerminal(a.Out) {
			a.tell("reading messages; Ctrl-C ends it")
		}
		return session.Stream(ctx, args, func(reply store.Reply) error { return a.printReply(args, reply, o) })
	}
	reply, err := session.Do(ctx, args)
	if err != nil && strings.EqualFold(args[0], "SHUTDOWN") && errors.Is(err, io.EOF) {
		a.tell("Redis has ended the connection, as it does for SHUTDOWN")
		return nil
	}
	if err != nil {
		return err
	}
	return a.printReply(args, reply, o)
}

// printReply prints a reply as redis-cli does.
func (a *app) printReply(args []string, reply store.Reply, o *redisOptions) error {
	if reply.Kind == store.Error && o.fail {
		return replyError{args[0], safeError(reply)}
	}
	terminal := isTerminal(a.Out)
	text := o.format.text(args, reply, terminal)
	if terminal {
		text = termtext.SafeLines(text)
	}
	_, err := fmt.Fprintln(raw(a.Out), strings.TrimSuffix(text, "\n"))
	return err
}

// replyError is an error reply where that is a failure.
type replyError struct{ command, text string }

func (e replyError) Error() string { return e.command + ": " + e.text }

func safeError(reply store.Reply) string { return safeText(reply.Text) }

func safeText(text string) string { return termtext.Safe(text) }

// maxLine bounds a line of a pipe, as Redis bounds what a client may send at once in this form.
const maxLine = 64 << 20

// redisLines runs the commands of a pipe, one a line. A line that is wrong does not hold up the next ones, but with -e it is remembered.
func (a *app) redisLines(ctx context.Context, session *console.Session, o *redisOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines, readErr := readLines(ctx, a.In)
	var failed error
	number := 0
	for {
		line, ok, err := nextLine(ctx, lines)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		number++
		times, args, err := splitCommand(line)
		if err != nil {
			err = fmt.Errorf("reading line %d: %w", number, err)
			fmt.Fprintln(a.Err, "stackctl: "+err.Error())
			if o.fail {
				failed = errSilent
			}
			continue
		}
		if len(args) > 0 && (strings.EqualFold(args[0], "quit") || strings.EqualFold(args[0], "exit")) {
			return failed
		}
		for ; times > 0 && len(args) > 0; times-- {
			err := a.runRedis(ctx, session, o, args)
			if reply, ok := errors.AsType[replyError](err); ok {
				fmt.Fprintln(a.Err, "stackctl: "+reply.Error())
				failed = errSilent
			} else if err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil { // which closes lines as well
		return ctx.Err()
	}
	if err := *readErr; err != nil {
		return fmt.Errorf("reading commands: %w", err)
	}
	return failed
}

// readLines gives the lines of a stream until it or ctx ends. The error is to be read once the channel is closed without ctx having ended.
func readLines(ctx context.Context, in io.Reader) (lines <-chan string, err *error) {
	out := make(chan string)
	err = new(error)
	go func() { // ends with the process when nothing more comes: a read cannot be interrupted
		defer close(out)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			select {
			case out <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
		*err = scanner.Err()
	}()
	return out, err
}

// nextLine waits for a line; ok is false after the last.
func nextLine(ctx context.Context, lines <-chan string) (line string, ok bool, err error) {
	select {
	case <-ctx.Done():
		return "", false, ctx.Err()
	case line, ok = <-lines:
		return line, ok, nil
	}
}

// splitCommand reads a line as redis-cli does: a number before a command is how often to run it.
func splitCommand(line string) (times int, args []string, err error) {
	args, err = store.SplitLine(line)
	if err != nil || len(args) < 2 {
		return 1, args, err
	}
	if n, err := strconv.Atoi(args[0]); err == nil {
		if n < 1 {
			return 0, nil, fmt.Errorf("checking %q: a command is run once or more", args[0])
		}
		return n, args[1:], nil
	}
	return 1, args, nil
}

// completeRedis offers commands and live keys. The commands are those that every server has: a completion must not make a person wait.
func (a *app) completeRedis(cmd *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	session := console.New(nil, 0)
	defer session.Close()
	quoted := make([]string, 0, len(given)+1)
	for _, word := range given {
		quoted = append(quoted, console.Quote(word))
	}
	found := session.Complete(strings.Join(append(quoted, prefix), " "))
	if found.WantKeys {
		return a.completeKeys(cmd, given, prefix)
	}
	var words []string
	for _, c := range found.Candidates {
		text := c.Text
		if prefix != strings.ToUpper(prefix) {
			text = strings.ToLower(text)
		}
		words = append(words, cobra.CompletionWithDesc(text, c.Summary))
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
