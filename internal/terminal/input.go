package terminal

import (
	"context"
	"errors"
	"fmt"

	"github.com/charmbracelet/x/term"
)

// ErrNone says that a question needs a terminal, and there is none to ask on.
var ErrNone = errors.New("there is no terminal to ask on")

// RawInput passes every key on as it is typed, and returns what undoes that. The input has to be a terminal.
func (s *Streams) RawInput() (restore func(), err error) {
	in, ok := underlying(s.In)
	if !ok {
		return nil, fmt.Errorf("setting up the terminal: %w", ErrNone)
	}
	state, err := term.MakeRaw(in.Fd())
	if err != nil {
		return nil, fmt.Errorf("setting up the terminal: %w", err)
	}
	return func() { _ = term.Restore(in.Fd(), state) }, nil
}

// Password asks for a password on the terminal, which does not show it.
func (s *Streams) Password(ctx context.Context) (string, error) {
	return s.Hidden(ctx, "Password", "the password")
}

// Hidden asks for a secret text on the terminal, which does not show it; what says what is asked for.
func (s *Streams) Hidden(ctx context.Context, prompt, what string) (string, error) {
	in, ok := underlying(s.In)
	if !ok || !Is(s.In) {
		return "", fmt.Errorf("asking for %s: %w", what, ErrNone)
	}
	state, err := term.GetState(in.Fd())
	if err != nil {
		return "", fmt.Errorf("asking for %s: %w", what, err)
	}
	fmt.Fprint(s.Err, prompt+": ")
	defer fmt.Fprintln(s.Err)
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
			return "", fmt.Errorf("asking for %s: %w", what, got.err)
		}
		return string(got.text), nil
	}
}
