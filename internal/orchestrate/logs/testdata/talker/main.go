// Command talker is what runs in the containers of the tests on a real engine.
//
//	talker say TEXT...  prints a line for each text, one with ! before it on stderr, and exits
//	talker long N       prints one line of N bytes and exits
//	talker flood N D    prints N lines a second for D, such as 5s, each with its number and its time, then "end" and their count
//	talker talk         prints "RUN SEQ" every millisecond until SIGTERM, then "RUN end COUNT"; RUN differs with each start
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "say":
		for _, text := range os.Args[2:] {
			if rest, isErr := strings.CutPrefix(text, "!"); isErr {
				fmt.Fprintln(os.Stderr, rest)
				continue
			}
			fmt.Println(text)
		}
	case "long":
		n, err := strconv.Atoi(os.Args[2])
		if err != nil {
			panic(err)
		}
		fmt.Println(strings.Repeat("x", n))
	case "flood":
		flood(os.Args[2], os.Args[3])
	case "talk":
		talk()
	}
}

func flood(rate, period string) {
	n, err := strconv.Atoi(rate)
	d, periodErr := time.ParseDuration(period)
	if err != nil || periodErr != nil {
		panic("flood: a number and a duration")
	}
	var text []byte
	seq, began := 0, time.Now()
	tick := time.NewTicker(time.Millisecond)
	for now := range tick.C {
		if now.Sub(began) > d {
			break
		}
		text = text[:0]
		for due := int(now.Sub(began).Seconds() * float64(n)); seq < due; seq++ {
			text = fmt.Appendf(text, "%d %d \"GET /count HTTP/1.1\" 200 38 \"-\" \"flood/1.0\" rt=0.001 id=0123456789abcdef\n", seq, time.Now().UnixNano())
		}
		_, _ = os.Stdout.Write(text)
	}
	fmt.Println("end", seq)
}

func talk() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	run := time.Now().UnixNano()
	tick := time.NewTicker(time.Millisecond)
	for seq := 0; ; seq++ {
		select {
		case <-stop:
			fmt.Println(run, "end", seq)
			return
		case <-tick.C:
		}
		out := os.Stdout
		if seq%3 == 0 {
			out = os.Stderr
		}
		fmt.Fprintln(out, run, seq)
	}
}
