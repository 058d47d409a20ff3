package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/dash"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/tui"
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
		Args:    cli.Usage(cobra.NoArgs),
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
	o.format, o.focus, o.background = "text", "services", "auto"
	flags := cmd.Flags()
	flags.BoolVar(&o.once, "once", false, "print one complete frame and exit")
	cli.AddChoice(cmd, &o.format, "format", "with --once: text or json", "text", "json")
	flags.StringVar(&o.size, "size", "", "with --once: WIDTHxHEIGHT in cells (default: the terminal's, else 120x40)")
	cli.AddChoice(cmd, &o.focus, "focus", "pane that has the focus first: visits, services, logs or redis", tui.Names()...)
	flags.BoolVar(&o.zoom, "zoom", false, "give that pane the whole screen")
	flags.BoolVar(&o.readOnly, "read-only", false, "disable everything that changes the stack or its data")
	flags.StringVar(&o.themeFile, "theme", os.Getenv("STACKCTL_THEME"), "file of colours; --print-theme prints the built-in one")
	cli.AddChoice(cmd, &o.background, "background", "the terminal's background: auto, dark or light", "auto", "dark", "light")
	flags.BoolVar(&o.printTheme, "print-theme", false, "print the built-in colours, to start your own file from")
}

func (o *dashOptions) check() error {
	_, _, err := o.cells(80, 24)
	return err
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
		return 0, 0, cli.Wrong("checking --size %q: use WIDTHxHEIGHT such as 120x40, each from 1 to 1000", o.size)
	}
	return width, height, nil
}

// options turns the flags into the dashboard's own.
func (o *dashOptions) options() (tui.Options, error) {
	themes, err := theme.Load(o.themeFile)
	if err != nil {
		return tui.Options{}, cli.Wrong("%w", err)
	}
	options := tui.Options{Focus: o.focus, Zoom: o.zoom, Themes: themes}
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
		a.Remarks = remarks
	}
	name, err := a.ProjectName(ctx)
	if err != nil {
		return err
	}
	live := dash.New(dash.Options{
		Project: name, Target: a.Target, History: cli.HistoryFile(),
		On: func(eng *engine.Engine) *project.Project {
			return a.Muted().On(eng, name, progress.Quiet.Renderer(nil))
		},
	})
	defer live.Close()
	src := live.Sources()
	src.Warnings = remarks
	if !o.readOnly {
		src.Operator = live.Operator()
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
	cli.LongLived()
	debug.SetMemoryLimit(dashboardMemory)
	if o.once {
		return a.showOnce(ctx, o, options, src)
	}
	if !a.Interactive() {
		return cli.Wrong("opening the dashboard: standard input and output are no terminal; use --once for a frame or its data")
	}
	// When the terminal goes away there is nobody left to show anything to.
	ctx, stop := terminal.UntilSignal(ctx, syscall.SIGHUP)
	defer stop()
	return terminal.CauseOf(ctx, tui.Run(ctx, tui.Terminal{In: a.In, Out: terminal.Raw(a.Out)}, src, options))
}

func (a *app) showOnce(ctx context.Context, o *dashOptions, options tui.Options, src tui.Sources) error {
	width, height := 120, 40
	if terminal.Is(a.Out) {
		width, height = terminal.Size(a.Out)
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
		return terminal.JSON(a.Out).Encode(data)
	}
	if !terminal.Is(a.Out) {
		frame = ansi.Strip(frame)
	}
	_, err = fmt.Fprintln(colorprofile.NewWriter(terminal.Raw(a.Out), os.Environ()), frame)
	return err
}
