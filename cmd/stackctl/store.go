package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/store"
)

// storeLimit bounds a whole command on the store; connecting through a one-off container takes half a second.
const storeLimit = 30 * time.Second

// dialStore returns how to reach the project's Redis.
func dialStore(ctx context.Context, eng *engine.Engine, project string) (store.Dialer, error) {
	address, err := eng.StoreAddress(ctx, project)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (net.Conn, error) { return eng.DialService(ctx, project, address) }, nil
}

// onStore runs f with a way to the project's Redis.
func (a *app) onStore(ctx context.Context, f func(context.Context, store.Dialer) error) error {
	eng, project, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	dial, err := dialStore(ctx, eng, project)
	if err != nil {
		return err
	}
	return f(ctx, dial)
}

// withStore is onStore for what ends by itself.
func (a *app) withStore(ctx context.Context, f func(context.Context, store.Dialer) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	return a.onStore(ctx, f)
}

// command is short for `redis -e` with one command that ends by itself.
func (a *app) command(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	return a.redis(ctx, &redisOptions{fail: true, repeat: 1}, args)
}

func newGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "get KEY", Short: "Print the value of a key in the stack's Redis",
		Long:    "Print the value of a key in the stack's Redis, as redis-cli does. Redis is not published: the way there is a tunnel through the web container.",
		Example: "stackctl get visits", Args: usage(cobra.ExactArgs(1)), ValidArgsFunction: a.completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error { return a.command(cmd.Context(), "GET", args[0]) },
	}
}

func newDelCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "del KEY...", Short: "Remove keys from the stack's Redis",
		Long:    "Remove keys from the stack's Redis and print how many there were. For the counter, `stackctl reset` asks first and can be undone.",
		Example: "stackctl del session:1 session:2", Args: usage(cobra.MinimumNArgs(1)), ValidArgsFunction: a.completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.command(cmd.Context(), append([]string{"DEL"}, args...)...)
		},
	}
}

func newKeysCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "keys [PATTERN]", Short: "List the keys in the stack's Redis",
		Long:    "List the keys that match a glob pattern, sorted. It uses SCAN, so Redis keeps serving others meanwhile.",
		Example: "stackctl keys\nstackctl keys 'session:*'", Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := "*"
			if len(args) > 0 {
				pattern = args[0]
			}
			return a.withStore(cmd.Context(), func(ctx context.Context, dial store.Dialer) error { return a.keys(ctx, dial, pattern) })
		},
	}
}

func (a *app) keys(ctx context.Context, dial store.Dialer, pattern string) error {
	client := store.Open(dial)
	defer client.Close()
	keys, complete, err := client.Keys(ctx, pattern, 0)
	if err != nil {
		return storeError(fmt.Sprintf("listing keys %q", pattern), err)
	}
	reply := store.Reply{Kind: store.Array}
	for _, key := range keys {
		reply.Elems = append(reply.Elems, store.Reply{Kind: store.String, Text: key})
	}
	if !complete {
		fmt.Fprintf(a.Err, "stackctl: only the first %d keys are shown; give a narrower pattern\n", len(keys))
	}
	if len(keys) == 0 && !isTerminal(a.Out) {
		return nil
	}
	return a.printReply([]string{"KEYS", pattern}, reply, &redisOptions{})
}

// completeKeys offers live keys; a completion must not make a person wait.
func (a *app) completeKeys(cmd *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	var found []string
	_ = a.withStore(ctx, func(ctx context.Context, dial store.Dialer) error {
		client := store.Open(dial)
		defer client.Close()
		keys, _, err := client.Keys(ctx, prefix+"*", 1000)
		found = append(found, keys...)
		return err
	})
	return without(found, given), cobra.ShellCompDirectiveNoFileComp
}

func newResetCmd(a *app) *cobra.Command {
	var yes, undo bool
	cmd := &cobra.Command{
		Use: "reset", Short: "Set the visit counter back to 0",
		Long: "Show the visit counter, ask, and remove it: the next visit is number 1. The old value is kept, so that `stackctl reset --undo` gives it back; " +
			"visits counted meanwhile are added to it.",
		Example: "stackctl reset\nstackctl reset -y             # without a question, for scripts\nstackctl reset --undo",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd.Context(), func(ctx context.Context, dial store.Dialer) error {
				client := store.Open(dial)
				defer client.Close()
				if undo {
					return a.undoReset(ctx, client)
				}
				return a.reset(ctx, client, yes)
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&undo, "undo", false, "give back what the last reset removed")
	return cmd
}

// storeError names what was being done, and the next step where something answered that is no reply of Redis, or nothing: the client has
// no type for that.
func storeError(doing string, err error) error {
	if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "redis: can't parse") {
		return fmt.Errorf("%s: %w; %s", doing, err, fault.Away.Fix)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (a *app) reset(ctx context.Context, client *store.Client, yes bool) error {
	visits, _, err := client.Visits(ctx)
	was := strconv.FormatInt(visits, 10)
	switch f := fault.Of(err); {
	case f == fault.NotANumber: // this is what mends it
		was = f.Name
		fmt.Fprintf(a.Err, "stackctl: %s; it is kept as %s\n", f.State, store.UndoKey)
	case err != nil:
		return storeError("reading the counter", err)
	}
	agreed, given, err := a.answer(ctx, fmt.Sprintf("Reset %s from %s to 0?", store.VisitsKey, was), yes)
	switch {
	case err == nil && !given:
		return usageError{errors.New("resetting the counter: there is no terminal to ask on; use --yes")}
	case err != nil || !agreed:
		return err
	}
	old, _, err := client.Reset(ctx)
	if err != nil {
		return storeError("resetting the counter", err)
	}
	if was != fault.NotANumber.Name {
		was = strconv.FormatInt(old, 10) // visitors came while the question was asked
	}
	fmt.Fprintf(a.Out, "%s: %s -> 0\n", store.VisitsKey, was)
	return nil
}

func (a *app) undoReset(ctx context.Context, client *store.Client) error {
	from, to, err := client.Undo(ctx)
	if err != nil {
		return fmt.Errorf("undoing the reset: %w", err)
	}
	fmt.Fprintf(a.Out, "%s: %d -> %d\n", store.VisitsKey, from, to)
	return nil
}

// ask puts a yes-or-no question on the terminal; no is the default, and Ctrl-C is its own answer.
func (a *app) ask(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(a.Err, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // ends with the process when nobody answers: a read of a terminal cannot be interrupted
		line, _ := bufio.NewReader(io.LimitReader(a.In, 64)).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.Err)
		return false, ctx.Err()
	case text := <-answer:
		if text == "y" || text == "yes" {
			return true, nil
		}
		fmt.Fprintln(a.Err, "nothing was changed")
		return false, nil
	}
}

// confirmLoss shows what removing the volumes would lose and, on a terminal, asks.
func (a *app) confirmLoss(ctx context.Context, eng *engine.Engine, project string, yes bool) error {
	observed, err := orchestrate.Observe(ctx, eng, project)
	if err != nil {
		return err
	}
	volumes := observed.VolumeNames()
	if len(volumes) == 0 {
		return nil
	}
	a.tell("removing volumes: " + strings.Join(volumes, ", "))
	a.tell("  " + a.lossOf(ctx, eng, project))
	return a.agree(ctx, "Remove them for good?", yes)
}

// lossOf puts into words what Redis holds; Redis need not be reachable.
func (a *app) lossOf(ctx context.Context, eng *engine.Engine, project string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	dial, err := dialStore(ctx, eng, project)
	if err != nil {
		return "what they hold is not known: " + err.Error()
	}
	client := store.Open(dial)
	defer client.Close()
	summary, err := client.Summary(ctx)
	if err != nil {
		return "what they hold is not known: " + err.Error()
	}
	saved := "never"
	if !summary.LastSave.IsZero() {
		saved = summary.LastSave.Format(time.RFC3339)
	}
	return fmt.Sprintf("they hold %d keys, %d visits, %s in memory; last save %s", summary.Keys, summary.Visits, units.HumanSize(float64(summary.UsedBytes)), saved)
}
