// Command talker is what runs in the containers of the tests on a real engine.
//
//	talker say TEXT...  prints a line for each text, one with ! before it on stderr, and exits
//	talker long N       prints one line of N bytes and exits
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
	case "talk":
		talk()
	}
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
