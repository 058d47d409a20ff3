//go:build unix

package main

import (
	"fmt"
	"testing"
)

// TestProgramsOnARealTerminal: a program that exec or run starts on a terminal has its size, also a new one, gets its Ctrl-C, and
// passes its exit code on; the terminal is left as it was.
func TestProgramsOnARealTerminal(t *testing.T) {
	needEngine(t)
	project := ownProject("terminal")
	t.Cleanup(func() { cleanUp(t, project) })
	file := busyboxServices(t, "app: {command: [sleep, '3000']}")
	must(t, project, "0", "-f", file, "up", "-d")
	for verb, args := range map[string]string{"exec": "exec -it app /bin/busybox sh", "run": "run --rm -it app sh"} {
		t.Run(verb, func(t *testing.T) {
			script := fmt.Sprintf(`export COMPOSE_PROJECT_NAME=%s STACKCTL_HOST_ROOT=%s
before=$(stty -g); %s -f %s --progress quiet %s; echo "exit code $?"; [ "$before" = "$(stty -g)" ] && echo "the terminal is as it was"; exec sleep 60`,
				project, hostRoot(), webBinary(t), file, args)
			m := newTerminal(t, 100, 30, "sh", "-c", script)
			m.await("/ #")
			// What is typed is on the screen too: the quotes keep it from being taken for what is printed.
			m.text(`until [ "$(busybox stty size)" = "30 100" ]; do busybox sleep 0.1; done; echo "has its"" size"`)
			m.keys("Enter")
			m.await("has its size")
			m.run("resize-window", "-x", "70", "-y", "20")
			m.text(`until [ "$(busybox stty size)" = "20 70" ]; do busybox sleep 0.1; done; echo "has the"" new one"`)
			m.keys("Enter")
			m.await("has the new one")
			m.text(`echo "sl""eeps"; busybox sleep 3000; echo "ended"" with $?"`)
			m.keys("Enter")
			m.await("sleeps\n")
			m.keys("C-c")
			m.text(`echo "ended"" with $?"`) // Ctrl-C ends the whole line in some shells
			m.keys("Enter")
			m.await("ended with 130")
			m.text("exit 7")
			m.keys("Enter")
			m.await("exit code 7\n", "the terminal is as it was")
		})
	}
}
