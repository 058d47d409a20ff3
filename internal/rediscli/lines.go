package rediscli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/terminal"
)

// maxLine bounds a line of a pipe, as Redis bounds what a client may send at once in this form.
const maxLine = 64 << 20

// Lines runs the commands of a pipe, one a line. A line that is wrong does not hold up the next ones, but with -e it is remembered.
func (c *CLI) Lines(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines, readErr := readLines(ctx, c.In)
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
			fmt.Fprintln(c.Err, "stackctl: "+err.Error())
			if c.Fail {
				failed = terminal.ErrReported
			}
			continue
		}
		if len(args) > 0 && (strings.EqualFold(args[0], "quit") || strings.EqualFold(args[0], "exit")) {
			return failed
		}
		for ; times > 0 && len(args) > 0; times-- {
			err := c.run(ctx, args)
			if reply, ok := errors.AsType[replyError](err); ok {
				fmt.Fprintln(c.Err, "stackctl: "+reply.Error())
				failed = terminal.ErrReported
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
