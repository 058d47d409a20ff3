package data

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/rediscli"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/terminal"
)

func newGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "get KEY", Short: "Print the value of a key in the stack's Redis",
		Long:    "Print the value of a key in the stack's Redis, as redis-cli does. Redis is not published: the way there is a tunnel through the web container.",
		Example: "stackctl get visits", Args: cli.Usage(cobra.ExactArgs(1)), ValidArgsFunction: a.completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error { return a.command(cmd.Context(), "GET", args[0]) },
	}
}

func newDelCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "del KEY...", Short: "Remove keys from the stack's Redis",
		Long:    "Remove keys from the stack's Redis and print how many there were. For the counter, `stackctl reset` asks first and can be undone.",
		Example: "stackctl del session:1 session:2", Args: cli.Usage(cobra.MinimumNArgs(1)), ValidArgsFunction: a.completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.command(cmd.Context(), append([]string{"DEL"}, args...)...)
		},
	}
}

func newKeysCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "keys [PATTERN]", Short: "List the keys in the stack's Redis",
		Long:    "List the keys that match a glob pattern, sorted. It uses SCAN, so Redis keeps serving others.",
		Example: "stackctl keys\nstackctl keys 'session:*'", Args: cli.Usage(cobra.MaximumNArgs(1)),
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
	if len(keys) == 0 && !terminal.Is(a.Out) {
		return nil
	}
	return a.redisCLI(rediscli.Options{}).Print([]string{"KEYS", pattern}, reply)
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
	return cli.Words(found, given), cobra.ShellCompDirectiveNoFileComp
}
