// Command flood prints numbered, dated lines at a steady rate. First it prints old lines as fast as it can; when done it waits for SIGTERM, so that the container stays up.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// padding makes a line as long as one of a web server's access log.
const padding = ` "GET /count HTTP/1.1" 200 38 "-" "flood/1.0" rt=0.001 id=0123456789abcdef`

// slice is how often lines are written: often enough that a line's age is its reader's, not its writer's.
const slice = time.Millisecond

func main() {
	rate := flag.Int("rate", 0, "lines a second")
	period := flag.Duration("for", time.Minute, "how long")
	old := flag.Int("old", 0, "lines before that")
	flag.Parse()
	f := &flood{out: os.Stdout}
	f.print(*old)
	f.run(*rate, *period)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}

type flood struct {
	out  io.Writer
	seq  int
	text []byte
}

// run keeps to the rate as far as its reader lets it, and never makes up for more than a tenth of a second: a reader that
// was slow for a while is not then shot at faster than the rate.
func (f *flood) run(rate int, d time.Duration) {
	if rate == 0 {
		return
	}
	begin := time.Now()
	end := begin.Add(d)
	ticker := time.NewTicker(slice)
	defer ticker.Stop()
	printed := 0
	for now := range ticker.C {
		if now.After(end) {
			return
		}
		due := int(now.Sub(begin).Seconds() * float64(rate))
		if behind := due - printed; behind > rate/10 {
			printed = due - rate/10
		}
		f.print(due - printed)
		printed = due
	}
}

// print writes n lines in pieces of at most 512, each with its own time.
func (f *flood) print(n int) {
	for n > 0 {
		piece := min(n, 512)
		f.text = f.text[:0]
		for range piece {
			f.seq++
			f.text = fmt.Appendf(f.text, "seq=%d t=%d%s\n", f.seq, time.Now().UnixNano(), padding)
		}
		if _, err := f.out.Write(f.text); err != nil {
			os.Exit(1)
		}
		n -= piece
	}
}
