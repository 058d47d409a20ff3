package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/terminal"
)

// TestEveryCommandExplainsItself checks what `--help` owes a newcomer.
func TestEveryCommandExplainsItself(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		_ = cmd.InheritedFlags() // panics where a shorthand is taken twice
		if !cmd.Hidden {
			if cmd.Short == "" || cmd.Example == "" {
				t.Errorf("%q lacks a summary or an example", cmd.CommandPath())
			}
			if strings.HasSuffix(cmd.Short, ".") {
				t.Errorf("%q: the summary is no sentence", cmd.CommandPath())
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&terminal.Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, 0))
}

// TestBinarySize keeps the stripped binary below 36 MB, of which 11 are the firewall and its rules, and 4 the driver for PostgreSQL.
func TestBinarySize(t *testing.T) {
	info, err := os.Stat(webBinary(t))
	if err != nil {
		t.Skip("needs bin/stackctl: run `make test`")
	}
	const most = 36_000_000
	if info.Size() > most {
		t.Errorf("the binary has %d bytes, more than %d", info.Size(), most)
	}
}
