package screen

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("SCREEN_TEST"); mode != "" {
		program(mode)
		return
	}
	goleak.VerifyTestMain(m)
}

// program is what the tests run in the terminal.
func program(mode string) {
	switch mode {
	case "echo":
		fmt.Print("\x1b[2J\x1b[3;5Hhello")
		_, _ = os.Stdin.Read(make([]byte, 16))
		fmt.Print("\x1b[Hread")
		_, _ = os.Stdin.Read(make([]byte, 16))
	case "query": // waits for the terminal's answer
		fmt.Print("\x1b[c\x1b]11;?\x07\x1b[6n\n")
		buffer := make([]byte, 256)
		n, _ := os.Stdin.Read(buffer)
		fmt.Printf("%q", buffer[:n])
		_, _ = os.Stdin.Read(buffer)
	case "frames":
		for i := range 3 {
			fmt.Printf("\x1b[H%s-%d", strings.Repeat("x", 10), i)
			<-time.After(50 * time.Millisecond)
		}
		select {}
	}
}

func start(t *testing.T, mode string, onFrame func(Frame)) (*Screen, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	s, err := Start(ctx, Config{
		Args: []string{os.Args[0]}, Env: append(os.Environ(), "SCREEN_TEST="+mode), Width: 60, Height: 10, OnFrame: onFrame,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, ctx
}

func contains(part string) func(string) bool {
	return func(text string) bool { return strings.Contains(text, part) }
}

func TestShowsWhereTextStands(t *testing.T) {
	s, ctx := start(t, "echo", nil)
	at, err := s.Wait(ctx, "the greeting", contains("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if d := at.Sub(s.Began); d <= 0 || d > 20*time.Second {
		t.Errorf("the greeting came after %v", d)
	}
	if lines := strings.Split(s.Text(), "\n"); len(lines) < 3 || lines[2] != "    hello" {
		t.Errorf("screen: %q", lines)
	}
	sent, err := s.Send("k\r")
	if err != nil {
		t.Fatal(err)
	}
	at, err = s.Wait(ctx, "the key's effect", contains("read"))
	if err != nil || at.Before(sent) {
		t.Errorf("sent %v, shown %v, %v", sent, at, err)
	}
	if out := s.Output(); out.Bytes == 0 || out.Frames == 0 {
		t.Errorf("output: %+v", out)
	}
}

func TestAnswersQueries(t *testing.T) {
	s, ctx := start(t, "query", nil)
	// The terminal is not raw, so the program reads once the line is complete.
	if _, err := s.Send("\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Wait(ctx, "the answer", contains("rgb:")); err != nil {
		t.Error(err)
	}
}

func TestTellsOfFrames(t *testing.T) {
	frames := make(chan Frame, 100)
	s, ctx := start(t, "frames", func(f Frame) { frames <- f })
	if _, err := s.Wait(ctx, "the last frame", contains("-2")); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for len(texts) < 3 {
		select {
		case f := <-frames:
			texts = append(texts, f.Text)
		case <-ctx.Done():
			t.Fatal(texts)
		}
	}
	if got := strings.Join(texts, ","); got != "xxxxxxxxxx-0,xxxxxxxxxx-1,xxxxxxxxxx-2" {
		t.Errorf("frames: %q", got)
	}
}

func TestWaitEndsWithTheProgramOrTheContext(t *testing.T) {
	s, ctx := start(t, "frames", nil)
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := s.Wait(short, "what never comes", contains("never")); err == nil || !strings.Contains(err.Error(), "what never comes") {
		t.Errorf("error: %v", err)
	}
	s.Close()
	if _, err := s.Wait(ctx, "what never comes", contains("never")); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("error: %v", err)
	}
}

func TestUsage(t *testing.T) {
	first, err := UsageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
	}
	second, err := UsageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if p := Percent(first, second); p < 10 || p > 1000 {
		t.Errorf("%.0f %% of a core", p)
	}
	if second.RSS < 1<<20 || second.Peak < second.RSS/2 {
		t.Errorf("usage: %+v", second)
	}
}

func TestCPUTimeReadsPastTheName(t *testing.T) {
	const stat = "7 (a ) b) R 1 7 7 0 -1 4194304 1 0 0 0 250 50 3 4 20 0 1 0 99"
	if got, err := cpuTime(stat); err != nil || got != 3*time.Second {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := cpuTime("7 (x) R"); err == nil {
		t.Error("a line that is too short: no error")
	}
}
