package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/tui"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/theme"
)

type dashOptions struct {
	once       bool
	format     string
	size       string
	focus      string
	zoom       bool
	readOnly   bool
	themeFile  string
	background string
	printTheme bool
}

func newDashCmd(a *app) *cobra.Command {
	o := &dashOptions{}
	cmd := &cobra.Command{
		Use: "dash", Short: "Show the stack on one screen, and act on it",
		Long: "Show visits, services, logs and a Redis console on one screen, live. Keys: ? lists all of them.\n" +
			"It needs no Compose file to watch; to start or scale your own stack, give its file with --file.\n" +
			"--once prints one frame, or its data, for scripts.",
		Example: "stackctl dash\nstackctl dash --read-only\nstackctl dash --once --format json | jq .visits.count\nstackctl dash --once --size 120x40",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if o.printTheme {
				_, err := a.Out.Write(theme.Builtin())
				return err
			}
			return a.dash(cmd.Context(), o)
		},
	}
	o.addFlags(cmd)
	return cmd
}

// addFlags adds the flags of everything that opens the dashboard.
func (o *dashOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.once, "once", false, "print one settled frame and exit")
	flags.StringVar(&o.format, "format", "text", "with --once: text or json")
	flags.StringVar(&o.size, "size", "", "with --once: WIDTHxHEIGHT in cells (default: the terminal's, else 120x40)")
	flags.StringVar(&o.focus, "focus", "services", "pane that has the focus first: visits, services, logs or redis")
	flags.BoolVar(&o.zoom, "zoom", false, "give that pane the whole screen")
	flags.BoolVar(&o.readOnly, "read-only", false, "take away everything that changes the stack or its data")
	flags.StringVar(&o.themeFile, "theme", os.Getenv("STACKCTL_THEME"), "file of colours; --print-theme prints the built-in one")
	flags.StringVar(&o.background, "background", "auto", "the terminal's background: auto, dark or light")
	flags.BoolVar(&o.printTheme, "print-theme", false, "print the built-in colours, as a beginning for a file of one's own")
	_ = cmd.RegisterFlagCompletionFunc("focus", cobra.FixedCompletions(layout.Names[:], cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("background", cobra.FixedCompletions([]string{"auto", "dark", "light"}, cobra.ShellCompDirectiveNoFileComp))
}

func (o *dashOptions) check() error {
	_, _, sizeErr := o.cells(80, 24)
	return errors.Join(
		oneOf("format", o.format, "text", "json"), oneOf("focus", o.focus, layout.Names[:]...),
		oneOf("background", o.background, "auto", "dark", "light"), sizeErr,
	)
}

// cells reads --size; without it the size is the given one.
func (o *dashOptions) cells(width, height int) (int, int, error) {
	if o.size == "" {
		return width, height, nil
	}
	w, h, ok := strings.Cut(o.size, "x")
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	if !ok || errW != nil || errH != nil || width < 1 || height < 1 || width > 1000 || height > 1000 {
		return 0, 0, usageError{fmt.Errorf("checking --size %q: use WIDTHxHEIGHT such as 120x40, each from 1 to 1000", o.size)}
	}
	return width, height, nil
}

// options turns the flags into the dashboard's own.
func (o *dashOptions) options() (tui.Options, error) {
	themes, err := theme.Load(o.themeFile)
	if err != nil {
		return tui.Options{}, usageError{err}
	}
	options := tui.Options{Zoom: o.zoom, Themes: themes}
	for p, name := range layout.Names {
		if name == o.focus {
			options.Focus = layout.Pane(p)
		}
	}
	if o.background != "auto" {
		light := o.background == "light"
		options.Light = &light
	}
	return options, nil
}

// maxRemarks is how many of the parser's warnings wait for the dashboard to show them.
const maxRemarks = 100

func (a *app) dash(ctx context.Context, o *dashOptions) error {
	remarks := make(chan string, maxRemarks)
	if !o.once { // one frame leaves standard error to them
		a.remarks = remarks
	}
	project, err := a.projectName(ctx)
	if err != nil {
		return err
	}
	l := newLive(a, project)
	defer l.close()
	src := l.sources()
	src.Warnings = remarks
	if !o.readOnly {
		src.Operator = &operator{a: a.muted(), live: l}
	}
	return a.show(ctx, o, src)
}

// dashboardMemory is a soft bound of the memory: the collector works harder before more is taken.
const dashboardMemory = 48 << 20

// show opens the dashboard on what it shows, or prints one frame of it.
func (a *app) show(ctx context.Context, o *dashOptions, src tui.Sources) error {
	options, err := o.options()
	if err != nil {
		return err
	}
	debug.SetGCPercent(longLived)
	debug.SetMemoryLimit(dashboardMemory)
	if o.once {
		return a.showOnce(ctx, o, options, src)
	}
	if !isTerminal(a.In) || !isTerminal(a.Out) {
		return usageError{errors.New("opening the dashboard: standard input and output are no terminal; use --once for a frame or its data")}
	}
	// When the terminal goes away there is nobody left to show anything to.
	ctx, stop := untilSignal(ctx, syscall.SIGHUP)
	defer stop()
	return causeOf(ctx, tui.Run(ctx, tui.Terminal{In: a.In, Out: raw(a.Out)}, src, options))
}

func (a *app) showOnce(ctx context.Context, o *dashOptions, options tui.Options, src tui.Sources) error {
	width, height := 120, 40
	if isTerminal(a.Out) {
		width, height = size(a.Out)
	}
	width, height, err := o.cells(width, height)
	if err != nil {
		return err
	}
	frame, data, err := tui.Once(ctx, src, options, width, height)
	if err != nil {
		return err
	}
	if o.format == "json" {
		return newJSON(a.Out).Encode(data)
	}
	if !isTerminal(a.Out) {
		frame = ansi.Strip(frame)
	}
	_, err = fmt.Fprintln(colorprofile.NewWriter(raw(a.Out), os.Environ()), frame)
	return err
}

// historyFile is where the Redis console keeps its history; "" where there is no place for it.
func historyFile() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "stackctl", "redis_history")
}
