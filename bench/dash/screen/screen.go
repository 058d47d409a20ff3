// Package screen runs a program in a pseudo-terminal whose screen it emulates, and measures when what arrives there.
package screen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

const (
	// quiet ends a frame: nothing has arrived for so long. A terminal hands over at most some kilobytes at a time, so one
	// frame arrives in several pieces.
	quiet = 5 * time.Millisecond
	// backlog is how many pieces may wait for the emulator; a program that is faster has to wait, as with any terminal.
	backlog = 256
	// endLimit is how long a program may take to exit after SIGTERM.
	endLimit = 5 * time.Second
)

// Config says what to run, and on a screen of which size.
type Config struct {
	Args          []string
	Env           []string
	Dir           string
	Width, Height int
	OnFrame       func(Frame) // called once a frame is complete, one after another
}

// Frame is the screen as it was after a burst of output.
type Frame struct {
	At   time.Time // when its last byte arrived
	Text string
}

// Output is what a program has written since its start.
type Output struct {
	Bytes  int64
	Frames int64 // bursts, with at least 5 ms between them
}

// Screen is a running program and what it shows.
type Screen struct {
	Began time.Time

	cmd      *exec.Cmd
	terminal *os.File
	emulator *vt.Emulator
	onFrame  func(Frame)
	pieces   chan piece
	exited   chan struct{}
	err      error // of the process, once exited is closed
	owned    sync.WaitGroup
	closing  sync.Once

	bytes, frames atomic.Int64

	mu      sync.Mutex // guards the emulator's screen and what follows
	last    time.Time
	waiting map[*watch]struct{}
}

type piece struct {
	at   time.Time
	data []byte
}

type watch struct {
	holds func(text string) bool
	done  chan time.Time // holds one
}

// Start runs a program until ctx ends or Close is called.
func Start(ctx context.Context, c Config) (*Screen, error) {
	s := &Screen{
		cmd: exec.CommandContext(ctx, c.Args[0], c.Args[1:]...), emulator: vt.NewEmulator(c.Width, c.Height), onFrame: c.OnFrame,
		pieces: make(chan piece, backlog), exited: make(chan struct{}), waiting: map[*watch]struct{}{},
	}
	s.emulator.SetScrollbackSize(1)
	s.cmd.Env, s.cmd.Dir = append(append([]string{}, c.Env...), "TERM=xterm-256color"), c.Dir
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = endLimit
	s.Began = time.Now()
	terminal, err := pty.StartWithSize(s.cmd, &pty.Winsize{Cols: uint16(c.Width), Rows: uint16(c.Height)})
	if err != nil {
		return nil, fmt.Errorf("starting %q in a terminal: %w", c.Args[0], err)
	}
	s.terminal = terminal
	s.owned.Go(s.read)
	s.owned.Go(s.show)
	s.owned.Go(s.answer)
	s.owned.Go(func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	})
	return s, nil
}

// read takes over what the program writes, with the time at which it came.
func (s *Screen) read() {
	defer close(s.pieces)
	buffer := make([]byte, 64<<10)
	for {
		n, err := s.terminal.Read(buffer)
		if n > 0 {
			now := time.Now()
			s.bytes.Add(int64(n))
			s.pieces <- piece{now, append([]byte(nil), buffer[:n]...)}
		}
		if err != nil { // the program has ended: EIO on Linux
			return
		}
	}
}

// show feeds the emulator and reports frames.
func (s *Screen) show() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer s.finish()
	var last time.Time
	for {
		select {
		case p, ok := <-s.pieces:
			if !ok {
				return
			}
			if p.at.Sub(last) > quiet {
				s.frames.Add(1)
			}
			last = p.at
			s.write(p)
			timer.Reset(quiet)
		case <-timer.C:
			if s.onFrame != nil {
				s.onFrame(Frame{last, s.Text()})
			}
		}
	}
}

func (s *Screen) write(p piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.emulator.Write(p.data) // never fails while it is open
	s.last = p.at
	if len(s.waiting) == 0 {
		return
	}
	text := s.text()
	for w := range s.waiting {
		if w.holds(text) {
			w.done <- p.at
			delete(s.waiting, w)
		}
	}
}

// finish ends answer. It closes the emulator's pipe and not the emulator, which reads a flag there without a lock.
func (s *Screen) finish() {
	if w, ok := s.emulator.InputPipe().(*io.PipeWriter); ok {
		_ = w.CloseWithError(io.EOF)
	}
}

// answer sends the emulator's replies to queries: the kind of terminal, its colours, the cursor's position.
func (s *Screen) answer() {
	_, _ = io.Copy(s.terminal, s.emulator)
	_, _ = io.Copy(io.Discard, s.emulator) // the program may end before the emulator has said all
}

// Text is the screen's text, a line for each row, without trailing blanks and empty rows.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text()
}

func (s *Screen) text() string { return strings.TrimRight(s.emulator.String(), "\n") }

// Send types keys, given as a terminal sends them, and returns when.
func (s *Screen) Send(keys string) (time.Time, error) {
	now := time.Now()
	if _, err := io.WriteString(s.terminal, keys); err != nil {
		return now, fmt.Errorf("typing %q: %w", keys, err)
	}
	return now, nil
}

// Wait waits until something holds for the screen's text, and returns when what made it so arrived.
func (s *Screen) Wait(ctx context.Context, what string, holds func(text string) bool) (time.Time, error) {
	w := &watch{holds, make(chan time.Time, 1)}
	s.mu.Lock()
	if holds(s.text()) {
		defer s.mu.Unlock()
		return s.last, nil
	}
	s.waiting[w] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, w)
	}()
	var err error
	select {
	case at := <-w.done:
		return at, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.exited:
		err = errors.Join(errors.New("the program has ended"), s.err)
	}
	return time.Time{}, fmt.Errorf("waiting for %s: %w; the screen shows:\n%s", what, err, s.Text())
}

// Output is what has been written so far.
func (s *Screen) Output() Output {
	return Output{s.bytes.Load(), s.frames.Load()}
}

// PID is the program's process.
func (s *Screen) PID() int { return s.cmd.Process.Pid }

// Close ends the program, with SIGKILL if necessary, and waits for its goroutines.
func (s *Screen) Close() {
	s.closing.Do(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		select {
		case <-s.exited:
		case <-time.After(endLimit):
			_ = s.cmd.Process.Kill()
		}
		<-s.exited
		s.terminal.Close()
	})
	s.owned.Wait()
}
