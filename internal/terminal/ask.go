package terminal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// answerLimit is how long an answer may take to come through a pipe: a pipe that is open for other reasons has none.
const answerLimit = time.Second

// Ask puts a yes-or-no question on the terminal; no is the default, and Ctrl-C is its own answer.
func (s *Streams) Ask(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(s.Err, "%s [y/N] ", question)
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.Err)
		return false, ctx.Err()
	case text := <-firstLine(s.In):
		return s.agreed(text), nil
	}
}

// Line reads a line from the terminal, in lower case.
func (s *Streams) Line(ctx context.Context) (string, error) {
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.Err)
		return "", ctx.Err()
	case text := <-firstLine(s.In):
		return text, nil
	}
}

// Answer returns what a terminal or a pipe says to the question; given is false where nobody says anything.
func (s *Streams) Answer(ctx context.Context, question string) (agreed, given bool, err error) {
	if Is(s.In) {
		agreed, err = s.Ask(ctx, question)
		return agreed, true, err
	}
	if !isPipe(s.In) {
		return false, false, nil
	}
	select {
	case text := <-firstLine(s.In):
		return text != "" && s.agreed(text), text != "", nil
	case <-time.After(answerLimit):
		return false, false, nil
	case <-ctx.Done():
		return false, false, ctx.Err()
	}
}

func (s *Streams) agreed(text string) bool {
	if text == "y" || text == "yes" {
		return true
	}
	fmt.Fprintln(s.Err, "nothing was changed")
	return false
}

func isPipe(stream io.Reader) bool {
	in, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := in.Stat()
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// firstLine sends the first line of a stream, in lower case.
func firstLine(in io.Reader) <-chan string {
	line := make(chan string, 1)
	go func() { // ends with the process when nothing comes: a read cannot be interrupted
		text, _ := bufio.NewReader(io.LimitReader(in, 64)).ReadString('\n')
		line <- strings.ToLower(strings.TrimSpace(text))
	}()
	return line
}
