package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

// Rows prints rows as a table, or as one JSON object each where format is "json". Heads are those of the columns; cells gives the
// texts of a row, whose line breaks and control sequences are made visible.
func Rows[T any](out io.Writer, format string, heads []string, rows []T, cells func(T) []string) error {
	if format == "json" {
		encoder := terminal.JSON(out)
		for _, row := range rows {
			if err := encoder.Encode(row); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, strings.Join(heads, "\t"))
	for _, row := range rows {
		line := cells(row)
		for i := range line {
			line[i] = termtext.Safe(line[i])
		}
		fmt.Fprintln(table, strings.Join(line, "\t"))
	}
	return table.Flush()
}
