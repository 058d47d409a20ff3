package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/doctor"
	"stackctl.dev/stackctl/internal/termtext"
)

func newDoctorCmd(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Examine everything that the stack needs, and each hop of a running one",
		Long: "Examine the engine, images, ports and disk and, with the stack up, each hop of a request with its latency.\n" +
			"Exit code 1 if anything is broken; each such line says what to do.",
		Example: "stackctl doctor\nstackctl doctor --format json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "text", "json"); err != nil {
				return err
			}
			return a.doctor(cmd.Context(), format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func (a *app) doctor(ctx context.Context, format string) error {
	s, err := a.load(ctx, nil)
	if err != nil {
		return err
	}
	report := a.printCheck
	if format == "json" {
		encoder := newJSON(a.Out)
		report = func(c doctor.Check) { _ = encoder.Encode(c) }
	}
	broken, err := doctor.Run(ctx, doctor.Examination{Stack: s, Target: a.target, Images: imageOptions()}, report)
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
	if colour(a.Out) {
		sign = fmt.Sprintf("\x1b[%dm%s\x1b[0m", map[doctor.Verdict]int{doctor.OK: 32, doctor.Note: 33, doctor.Broken: 31}[c.Verdict], sign)
	}
	latency := ""
	if c.Latency > 0 {
		latency = fmt.Sprintf(" (%s)", c.Latency.Round(10*time.Microsecond))
	}
	fmt.Fprintf(raw(a.Out), "%s %s: %s%s\n", sign, termtext.Safe(c.Name), termtext.Safe(c.Detail), latency)
	if c.Next != "" {
		fmt.Fprintf(a.Out, "         next: %s\n", c.Next)
	}
}
