package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
)

type redisOptions struct {
	format   replyFormat
	resp3    bool
	repeat   int
	interval float64 // seconds
	db       int
	stdin    bool
	fail     bool // an error reply is a failure
	yes      bool
	user     string
	askpass  bool
}

func newRedisCmd(a *app) *cobra.Command {
	o := &redisOptions{}
	cmd := &cobra.Command{
		Use: "redis [flags] [COMMAND [ARG...]]", Short: "Run Redis commands, or open a console",
		Long: "Run a command in the stack's Redis and print the reply as redis-cli does; without one, read a command a line from the standard input, " +
			"or open a console where that is a terminal. All commands share one connection, so MULTI, SELECT and WATCH work.\n" +
			"As with redis-cli, an error reply is printed and the exit code is 0; with -e it goes to stderr and the exit code is 1, for a pipe " +
			"of commands as well.\nThe password, if Redis wants one, is taken from the variable REDISCLI_AUTH or asked for with --askpass.",
		Example: "stackctl redis INCR visits\nstackctl redis --json HGETALL session:1\necho 'GET visits' | stackctl redis\n" +
			"stackctl redis -r 60 -i 1 GET visits      # once a second for a minute\nstackctl redis MONITOR                    # until Ctrl-C",
		ValidArgsFunction: a.completeRedis,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			return a.redis(cmd.Context(), o, args)
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the command belongs to it
	flags.BoolVar(&o.format.json, "json", false, "print replies as JSON (implies -3)")
	flags.BoolVar(&o.format.raw, "raw", false, "print values alone, even on a terminal")
	flags.BoolVar(&o.format.noRaw, "no-raw", false, "print types and quotes, even into a pipe")
	flags.IntVarP(&o.repeat, "repeat", "r", 1, "run the command this many times; -1 is until Ctrl-C")
	flags.Float64VarP(&o.interval, "interval", "i", 0, "seconds between repetitions, such as 0.1")
	flags.IntVarP(&o.db, "db", "n", 0, "number of the database")
	flags.BoolVarP(&o.resp3, "resp3", "3", false, "speak RESP3")
	flags.BoolVarP(&o.stdin, "stdin", "x", false, "read the last argument from the standard input")
	flags.BoolVarP(&o.fail, "exit-code", "e", false, "exit with 1 when Redis answers with an error")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask before FLUSHALL, FLUSHDB and SHUTDOWN")
	flags.StringVar(&o.user, "user", "", "user to log in as")
	flags.BoolVar(&o.askpass, "askpass", false, "ask for the password")
	return cmd
}

func (o *redisOptions) check(args []string) error {
	var wrong string
	switch {
	case len(args) == 0 && (o.stdin || o.repeat != 1 || o.interval != 0):
		wrong = "-x, -r and -i need a command"
	case o.repeat < -1 || o.repeat == 0:
		wrong = "--repeat takes a number from 1, or -1"
	case o.interval < 0 || o.interval > 1e6:
		wrong = "--interval takes seconds"
	case o.db < 0:
		wrong = "--db takes a number from 0"
	case o.user != "" && !o.askpass && os.Getenv("REDISCLI_AUTH") == "":
		wrong = "--user needs a password; set REDISCLI_AUTH or use --askpass"
	case o.format.json && (o.format.raw || o.format.noRaw), o.format.raw && o.format.noRaw:
		wrong = "--json, --raw and --no-raw exclude each other"
	default:
		return nil
	}
	return usageError{errors.New("checking flags: " + wrong)}
}

// redis runs a command, a pipe of commands, or the console.
func (a *app) redis(ctx context.Context, o *redisOptions, args []string) error {
	if o.stdin {
		last, err := readLast(a.In)
		if err != nil {
			return err
		}
		args = append(slices.Clone(args), last)
	}
	opts, err := a.credentials(ctx, o)
	if err != nil {
		return err
	}
	return a.onStore(ctx, func(ctx context.Context, dial store.Dialer) error {
		session := console.New(dial, o.db, opts...)
		defer session.Close()
		if err := a.hello(ctx, session, o); err != nil {
			return err
		}
		switch {
		case len(args) > 0:
			return a.repeat(ctx, session, o, args)
		case isTerminal(a.In) && isTerminal(a.Out):
			return a.redisREPL(ctx, session, o)
		}
		return a.redisLines(ctx, session, o)
	})
}

// hello asks for RESP3 where the flags do. A server that knows none still answers, as redis-cli holds it.
func (a *app) hello(ctx context.Context, session *console.Session, o *redisOptions) error {
	if !o.resp3 && !o.format.json {
		return nil
	}
	reply, err := session.Do(ctx, []string{"HELLO", "3"})
	if err == nil && reply.Kind == store.Error {
		a.tell("stackctl: HELLO 3: " + safeError(reply) + "; going on with RESP2")
	}
	return err
}

// maxValue is the most that Redis takes as one value.
const maxValue = 512 << 20

func readLast(in io.Reader) (string, error) {
	value, err := io.ReadAll(io.LimitReader(in, maxValue+1))
	if err == nil && len(value) > maxValue {
		err = errors.New("it is longer than the 512 MB that Redis takes")
	}
	if err != nil {
		return "", fmt.Errorf("reading the last argument from the standard input: %w", err)
	}
	return string(value), nil
}

// credentials come from the environment or the terminal, never from the arguments, which everybody on the machine can read.
func (a *app) credentials(ctx context.Context, o *redisOptions) ([]store.Option, error) {
	password := os.Getenv("REDISCLI_AUTH")
	if o.askpass {
		var err error
		if password, err = a.askPassword(ctx); err != nil {
			return nil, err
		}
	}
	if password == "" {
		return nil, nil
	}
	return []store.Option{store.WithCredentials(o.user, password)}, nil
}

func (a *app) askPassword(ctx context.Context) (string, error) {
	in, ok := a.In.(interface{ Fd() uintptr })
	if !ok || !isTerminal(a.In) {
		return "", usageError{errors.New("asking for the password: there is no terminal to ask on; set REDISCLI_AUTH")}
	}
	state, err := term.GetState(in.Fd())
	if err != nil {
		return "", fmt.Errorf("asking for the password: %w", err)
	}
	fmt.Fprint(a.Err, "Password: ")
	defer fmt.Fprintln(a.Err)
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // ends with the process when nobody answers: a read of a terminal cannot be interrupted
		text, err := term.ReadPassword(in.Fd())
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		_ = term.Restore(in.Fd(), state)
		return "", ctx.Err()
	case got := <-answers:
		if got.err != nil {
			return "", fmt.Errorf("asking for the password: %w", got.err)
		}
		return string(got.text), nil
	}
}

// repeat runs one command as often as the flags say.
func (a *app) repeat(ctx context.Context, session *console.Session, o *redisOptions, args []string) error {
	if ok, err := a.mayRun(ctx, session, o, args); err != nil || !ok {
		return err
	}
	for n := 0; o.repeat < 0 || n < o.repeat; n++ {
		if n > 0 && o.interval > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(o.interval * float64(time.Second))):
			}
		}
		if err := a.runRedis(ctx, session, o, args); err != nil {
			return err
		}
	}
	return nil
}

// mayRun asks before what takes all data or Redis itself away, or needs --yes where there is no terminal.
func (a *app) mayRun(ctx context.Context, session *console.Session, o *redisOptions, args []string) (bool, error) {
	switch strings.ToUpper(args[0]) {
	case "FLUSHALL", "FLUSHDB", "SHUTDOWN":
	default:
		return true, nil
	}
	if o.yes || o.stdin {
		return true, nil
	}
	if !isTerminal(a.In) {
		err := a.agree(ctx, "", false)
		return err == nil, err
	}
	for _, line := range session.Describe(ctx, args) {
		a.tell("  " + safeText(line))
	}
	return a.ask(ctx, "Run "+safeText(strings.Join(args, " "))+"?")
}
