package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/progress"
)

func newImagesCmd(a *app) *cobra.Command {
	format := "table"
	list := &cobra.Command{
		Use: "list", Short: "Show which images the stack uses, and where they come from",
		Example: "stackctl images list --format json", Args: cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.listImages(cmd.Context(), format)
		},
	}
	cli.AddChoice(list, &format, "format", "table or json", "table", "json")
	cmd := &cobra.Command{
		Use: "images", Short: "List, get, save and load the stack's images",
		Long:    "List, get, save and load the stack's images. With `save` and `load` a stack goes to a machine that reaches no registry.",
		Example: "stackctl images\nstackctl images save stack.tar && scp stack.tar far: && ssh far stackctl images load stack.tar",
		Args:    cli.Usage(cobra.NoArgs), RunE: list.RunE,
	}
	cli.AddChoice(cmd, &format, "format", "table or json", "table", "json")
	cmd.AddCommand(list, newGetImagesCmd(a, "pull"), newGetImagesCmd(a, "build"), newImagesSaveCmd(a), newImagesLoadCmd(a))
	return cmd
}

// findImages connects to the engine and looks for the images of all services.
func (a *app) findImages(ctx context.Context) (*engine.Engine, []images.Resolution, error) {
	s, err := a.Read(ctx)
	if err != nil {
		return nil, nil, err
	}
	eng, err := a.Connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	found, err := images.Find(ctx, eng, s, a.Images())
	if err != nil {
		_ = eng.Close()
		return nil, nil, err
	}
	return eng, found, nil
}

func (a *app) listImages(ctx context.Context, format string) error {
	eng, found, err := a.findImages(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	return cli.Rows(a.Out, format, []string{"SERVICE", "WANTED", "IMAGE", "ORIGIN", "SIZE"}, found, func(res images.Resolution) []string {
		ref, size := res.Ref, units.HumanSize(float64(res.Size))
		if res.ID == "" {
			ref, size = "missing", "-"
		}
		return []string{res.Service, res.Wanted, ref, string(res.Origin), size}
	})
}

// newGetImagesCmd makes `images pull` and `images build`, and the commands of the same names that docker compose has.
func newGetImagesCmd(a *app, verb string) *cobra.Command {
	source, quiet := "auto", false
	cmd := &cobra.Command{
		Use: verb + " [SERVICE...]", Short: "Pull the images that come from a registry",
		Example: fmt.Sprintf("stackctl %s\nstackctl %[1]s web", verb),
		RunE: func(cmd *cobra.Command, services []string) error {
			options := a.Images()
			options.Source, options.Rebuild = source, verb == "build"
			if verb == "pull" {
				options.Pull, options.Source = images.PullAsked, "registry"
			}
			if quiet {
				a.Progress = progress.Quiet
			}
			return a.getImages(cmd.Context(), options, services)
		},
		ValidArgsFunction: a.CompleteServices,
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "no progress")
	if verb == "build" {
		cmd.Short = "Build the images that are built, even if they are present"
		cli.AddChoice(cmd, &source, "images", "auto, registry or host; host also makes images from this host's programs again", imageSources...)
	}
	return cmd
}

func (a *app) getImages(ctx context.Context, options images.Options, services []string) error {
	s, err := a.Read(ctx)
	if err == nil {
		s, err = s.Named(services)
	}
	if err != nil {
		return err
	}
	eng, err := a.Connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show := a.Progress.Renderer(a.Err)
	found, err := images.Ensure(ctx, eng, s, options, show.Event)
	show.Close()
	if err != nil {
		return err
	}
	for _, res := range found {
		if res.Absent {
			continue
		}
		fmt.Fprintf(a.Out, "%s %s\n", res.Service, res.Ref)
	}
	return nil
}

func newImagesSaveCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "save FILE", Short: "Write the stack's images into a tar file", Example: "stackctl images save stack.tar",
		Args: cli.Usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.saveImages(cmd.Context(), args[0]) },
	}
}

func (a *app) saveImages(ctx context.Context, name string) error {
	eng, found, err := a.findImages(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	var refs []string
	for _, res := range found {
		if res.ID == "" && res.Optional {
			continue
		}
		if res.ID == "" {
			return fmt.Errorf("saving image %q: the engine does not have it; run `stackctl up` or `stackctl images build` first", res.Ref)
		}
		if !slices.Contains(refs, res.Ref) {
			refs = append(refs, res.Ref)
		}
	}
	archive, err := eng.ImageSave(ctx, refs)
	if err != nil {
		return fmt.Errorf("saving images %v: %w", refs, err)
	}
	defer archive.Close()
	if err := writeFile(name, archive); err != nil {
		return fmt.Errorf("saving images to %q: %w", name, err)
	}
	fmt.Fprintf(a.Err, "saved %d images to %s\n", len(refs), name)
	return nil
}

// writeFile leaves either the whole file or none. What has the part's name already, a link perhaps, is not written through.
func writeFile(name string, content io.Reader) error {
	if err := os.Remove(name + ".part"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name+".part", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func newImagesLoadCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "load FILE", Short: "Load images that `images save` wrote", Example: "stackctl images load stack.tar",
		Args: cli.Usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.loadImages(cmd.Context(), args[0]) },
	}
}

func (a *app) loadImages(ctx context.Context, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("loading images: %w", err)
	}
	defer f.Close()
	eng, err := a.Connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	if err := images.Load(ctx, eng, f, func(line string) { fmt.Fprintln(a.Out, line) }); err != nil {
		return fmt.Errorf("loading images from %q: %w", name, err)
	}
	return nil
}
