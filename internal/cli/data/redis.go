package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/rediscli"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/theme"
)

type redisOptions struct {
	rediscli.Options
	resp3   bool
	db      int
	stdin   bool
	user    string
	askpass bool
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
	flags.BoolVar(&o.Format.JSON, "json", false, "print replies as JSON (implies -3)")
	flags.BoolVar(&o.Format.Raw, "raw", false, "print values alone, even on a terminal")
	flags.BoolVar(&o.Format.NoRaw, "no-raw", false, "print types and quotes, even into a pipe")
	flags.IntVarP(&o.Repeat, "repeat", "r", 1, "run the command this many times; -1 is until Ctrl-C")
	flags.Float64VarP(&o.Interval, "interval", "i", 0, "seconds between repetitions, such as 0.1")
	flags.IntVarP(&o.db, "db", "n", 0, "number of the database")
	flags.BoolVarP(&o.resp3, "resp3", "3", false, "speak RESP3")
	flags.BoolVarP(&o.stdin, "stdin", "x", false, "read the last argument from the standard input")
	flags.BoolVarP(&o.Fail, "exit-code", "e", false, "exit with 1 when Redis answers with an error")
	flags.BoolVarP(&o.Yes, "yes", "y", false, "do not ask before FLUSHALL, FLUSHDB and SHUTDOWN")
	flags.StringVar(&o.user, "user", "", "user to log in as")
	flags.BoolVar(&o.askpass, "askpass", false, "ask for the password")
	return cmd
}

func (o *redisOptions) check(args []string) error {
	var wrong string
	switch {
	case len(args) == 0 && (o.stdin || o.Repeat != 1 || o.Interval != 0):
		wrong = "-x, -r and -i need a command"
	case o.Repeat < -1 || o.Repeat == 0:
		wrong = "--repeat takes a number from 1, or -1"
	case o.Interval < 0 || o.Interval > 1e6:
		wrong = "--interval takes seconds"
	case o.db < 0:
		wrong = "--db takes a number from 0"
	case o.user != "" && !o.askpass && os.Getenv("REDISCLI_AUTH") == "":
		wrong = "--user needs a password; set REDISCLI_AUTH or use --askpass"
	case o.Format.JSON && (o.Format.Raw || o.Format.NoRaw), o.Format.Raw && o.Format.NoRaw:
		wrong = "--json, --raw and --no-raw exclude each other"
	default:
		return nil
	}
	return cli.Wrong("checking flags: %s", wrong)
}

// command is short for `redis -e` with one command that ends by itself.
func (a *app) command(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	return a.redis(ctx, &redisOptions{Options: rediscli.Options{Fail: true, Repeat: 1}}, args)
}

// redis runs a command, a pipe of commands, or the console.
func (a *app) redis(ctx context.Context, o *redisOptions, args []string) error {
	if o.stdin {
		last, err := readLast(a.In)
		if err != nil {
			return err
		}
		args, o.Yes = append(slices.Clone(args), last), true
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
		on := a.redisCLI(o.Options)
		on.Session = session
		switch {
		case len(args) > 0:
			return on.Run(ctx, args)
		case a.Interactive():
			return a.console(ctx, on)
		}
		return on.Lines(ctx)
	})
}

// redisCLI runs commands as the flags say, once it has a session.
func (a *app) redisCLI(o rediscli.Options) *rediscli.CLI {
	return &rediscli.CLI{
		Streams: a.Streams, Options: o, Tell: a.Tell,
		Agree: func(ctx context.Context) error { return a.Agree(ctx, "", false) },
	}
}

// console opens the console on the terminal, in the colours of the dashboard.
func (a *app) console(ctx context.Context, on *rediscli.CLI) error {
	themes, err := theme.Load(os.Getenv("STACKCTL_THEME"))
	if err != nil {
		return cli.Wrong("%w", err)
	}
	return on.Console(ctx, themes, cli.HistoryFile())
}

// hello asks for RESP3 where the flags do. A server that knows none still answers, as redis-cli holds it.
func (a *app) hello(ctx context.Context, session *console.Session, o *redisOptions) error {
	if !o.resp3 && !o.Format.JSON {
		return nil
	}
	reply, err := session.Do(ctx, []string{"HELLO", "3"})
	if err == nil && reply.Kind == store.Error {
		a.Tell("stackctl: HELLO 3: " + termtext.Safe(reply.Text) + "; going on with RESP2")
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
		if password, err = a.Password(ctx); err != nil {
			return nil, fmt.Errorf("%w; set REDISCLI_AUTH", err)
		}
	}
	if password == "" {
		return nil, nil
	}
	return []store.Option{store.WithCredentials(o.user, password)}, nil
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
