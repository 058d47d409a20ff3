package cli

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// TestFlags holds that every flag's wrong value is wrong usage, in one form of words.
func TestFlags(t *testing.T) {
	for arg, want := range map[string]string{
		"--format=xml":      `checking --format "xml": use table, json`,
		"--wait-timeout=-1": `checking --wait-timeout "-1": use a duration such as 60s, or --no-wait`,
		"--timeout=soon":    `checking --timeout "soon": use a duration such as 60s, or a number of seconds`,
		"--number=x":        `checking --number "x": use a number`,
		"--format=json":     "",
	} {
		format := "table"
		var limit time.Duration
		var grace *time.Duration
		cmd := &cobra.Command{Run: func(*cobra.Command, []string) {}, SilenceErrors: true, SilenceUsage: true}
		cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return WrongFlag(err) })
		AddChoice(cmd, &format, "format", "", "table", "json")
		AddWaitTimeout(cmd, &limit)
		AddGrace(cmd, &grace)
		cmd.Flags().Int("number", 0, "")
		cmd.SetArgs([]string{arg})
		cmd.SetErr(io.Discard)
		err := cmd.Execute()
		if want == "" && err == nil {
			continue
		}
		if err == nil || err.Error() != want || !errors.As(err, new(UsageError)) {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
}

func TestGrace(t *testing.T) {
	for text, want := range map[string]time.Duration{"0": 0, "5": 5 * time.Second, "1m30s": 90 * time.Second, "-1": -1} {
		period := new(time.Duration)
		if err := (grace{&period}).Set(text); err != nil {
			t.Fatal(err)
		}
		if want < 0 && period != nil || want >= 0 && (period == nil || *period != want) {
			t.Errorf("%s: got %v, want %s", text, period, want)
		}
	}
}

func TestRows(t *testing.T) {
	type row struct{ Name string }
	rows := []row{{"web"}, {"\x1b[2J\n"}}
	for format, want := range map[string]string{
		"table": "NAME          LENGTH\nweb           3\n\\x1b[2J\\x0a   5\n",
		"json":  "{\"Name\":\"web\"}\n{\"Name\":\"\\u001b[2J\\n\"}\n",
	} {
		var out bytes.Buffer
		err := Rows(&out, format, []string{"NAME", "LENGTH"}, rows, func(r row) []string { return []string{r.Name, string(rune('0' + len(r.Name)))} })
		if got := out.String(); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", format, got, err, want)
		}
	}
}
