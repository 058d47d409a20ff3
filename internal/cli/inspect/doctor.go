package inspect

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/doctor"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

func newDoctorCmd(a *app) *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use: "doctor", Short: "Examine everything that the stack needs, and each hop of a running one",
		Long: "Examine the engine, images, ports and disk and, with the stack up, each hop of a request with its latency.\n" +
			"Exit code 1 if anything is broken; each such line says what to do.",
		Example: "stackctl doctor\nstackctl doctor --format json",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context(), format)
		},
	}
	cli.AddChoice(cmd, &format, "format", "text or json", "text", "json")
	return cmd
}

func (a *app) doctor(ctx context.Context, format string) error {
	s, err := a.Load(ctx, stack.Settings{})
	if err != nil {
		return err
	}
	if s.Embedded {
		chosen, _ := a.Kept(ctx, s.Project.Name) // an engine that does not answer is examined too
		if s, err = a.Load(ctx, chosen); err != nil {
			return err
		}
	}
	report := a.printCheck
	if format == "json" {
		encoder := terminal.JSON(a.Out)
		report = func(c doctor.Check) { _ = encoder.Encode(c) }
	}
	broken, err := doctor.Run(ctx, doctor.Examination{Stack: s, Target: a.Target, Images: a.Images()}, report)
	if err != nil {
		return err
	}
	if broken > 0 {
		return fmt.Errorf("examining the stack: %d checks failed", broken)
	}
	return nil
}

// printCheck prints a line a check; a word, a sign and a colour say the same.
func (a *app) printCheck(c doctor.Check) {
	sign := map[doctor.Verdict]string{doctor.OK: "✔ ok    ", doctor.Note: "! note  ", doctor.Broken: "✘ broken"}[c.Verdict]
	if terminal.Colour(a.Out) {
		sign = fmt.Sprintf("\x1b[%dm%s\x1b[0m", map[doctor.Verdict]int{doctor.OK: 32, doctor.Note: 33, doctor.Broken: 31}[c.Verdict], sign)
	}
	latency := ""
	if c.Latency > 0 {
		latency = fmt.Sprintf(" (%s)", c.Latency.Round(10*time.Microsecond))
	}
	fmt.Fprintf(terminal.Raw(a.Out), "%s %s: %s%s\n", sign, termtext.Safe(c.Name), termtext.Safe(c.Detail), latency)
	if c.Next != "" {
		fmt.Fprintf(a.Out, "         next: %s\n", c.Next)
	}
}
