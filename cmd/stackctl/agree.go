package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// answerLimit is how long an answer may take to come through a pipe: a pipe that is open for other reasons has none.
const answerLimit = time.Second

// agree gets the agreement to destroy data: from --yes, from a terminal, or from a pipe that has an answer. Without any, the
// embedded stack is left as it is; with a Compose file of the user's own it goes on, as scripts written for docker compose need.
func (a *app) agree(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	if isTerminal(a.In) {
		ok, err := a.ask(ctx, question)
		if err == nil && !ok {
			return errSilent
		}
		return err
	}
	answer, err := a.pipedAnswer(ctx)
	switch {
	case err != nil:
		return err
	case answer == "y", answer == "yes":
		return nil
	case answer != "":
		fmt.Fprintln(a.Err, "nothing was changed")
		return errSilent
	}
	if embedded, err := a.embedded(ctx); err != nil || !embedded {
		return err
	}
	return usageError{errors.New("destroying data: there is no terminal to ask on; use --yes (rm: --force)")}
}

// pipedAnswer is the first line of a pipe, "" where the standard input is none or nothing comes.
func (a *app) pipedAnswer(ctx context.Context) (string, error) {
	in, ok := a.In.(*os.File)
	if !ok {
		return "", nil
	}
	if info, err := in.Stat(); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		return "", nil
	}
	answer := make(chan string, 1)
	go func() { // ends with the process when nothing comes: a read cannot be interrupted
		line, _ := bufio.NewReader(io.LimitReader(in, 64)).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case text := <-answer:
		return text, nil
	case <-time.After(answerLimit):
		return "", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
