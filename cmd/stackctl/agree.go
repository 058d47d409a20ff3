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
	agreed, given, err := a.answer(ctx, question, yes)
	switch {
	case err != nil || agreed:
		return err
	case given:
		return errSilent
	}
	if embedded, err := a.embedded(ctx); err != nil || !embedded {
		return err
	}
	return usageError{errors.New("destroying data: there is no terminal to ask on; use --yes (rm: --force)")}
}

// answer is what --yes, a terminal or a pipe says to the question; given is false where nobody says anything.
func (a *app) answer(ctx context.Context, question string, yes bool) (agreed, given bool, err error) {
	if yes {
		return true, true, nil
	}
	if isTerminal(a.In) {
		agreed, err = a.ask(ctx, question)
		return agreed, true, err
	}
	text, err := a.pipedAnswer(ctx)
	agreed = text == "y" || text == "yes"
	if text != "" && !agreed {
		fmt.Fprintln(a.Err, "nothing was changed")
	}
	return agreed, text != "", err
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
