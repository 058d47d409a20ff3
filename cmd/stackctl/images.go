package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate/images"
)

func newImagesCmd(a *app) *cobra.Command {
	var format string
	list := &cobra.Command{
		Use: "list", Short: "Show which images the stack uses, and where they come from",
		Example: "stackctl images list --format json", Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			return a.listImages(cmd.Context(), format)
		},
	}
	list.Flags().StringVar(&format, "format", "table", "table or json")
	cmd := &cobra.Command{
		Use: "images", Short: "List, get, save and load the stack's images",
		Long:    "List, get, save and load the stack's images. With `save` and `load` a stack goes to a machine that reaches no registry.",
		Example: "stackctl images\nstackctl images save stack.tar && scp stack.tar far: && ssh far stackctl images load stack.tar",
		Args:    usage(cobra.NoArgs), RunE: list.RunE,
	}
	cmd.Flags().StringVar(&format, "format", "table", "table or json")
	cmd.AddCommand(list, newImagesGetCmd(a, "pull", "Pull the images that come from a registry"), newImagesGetCmd(a, "build", "Build the images that are built, even if they are present"),
		newImagesSaveCmd(a), newImagesLoadCmd(a))
	return cmd
}

func (a *app) listImages(ctx context.Context, format string) error {
	s, err := a.read(ctx, nil)
	if err != nil {
		return err
	}
	eng, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	found, err := images.Find(ctx, eng, s, imageOptions())
	if err != nil {
		return err
	}
	if format == "json" {
		encoder := newJSON(a.Out)
		for _, res := range found {
			if err := encoder.Encode(res); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(a.Out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "SERVICE\tWANTED\tIMAGE\tORIGIN\tSIZE")
	for _, res := range found {
		ref, bytes := res.Ref, units.HumanSize(float64(res.Size))
		if res.ID == "" {
			ref, bytes = "missing", "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", res.Service, res.Wanted, ref, res.Origin, bytes)
	}
	return w.Flush()
}

// newImagesGetCmd makes `images pull` and `images build`.
func newImagesGetCmd(a *app, verb, short string) *cobra.Command {
	source := "auto"
	cmd := &cobra.Command{
		Use: verb, Short: short, Example: "stackctl images " + verb, Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("images", source, "auto", "registry", "host"); err != nil {
				return err
			}
			options := imageOptions()
			options.Source = source
			if verb == "pull" {
				options.Pull, options.Source = images.PullAsked, "registry"
			}
			options.Rebuild = verb == "build"
			return a.getImages(cmd.Context(), options)
		},
	}
	if verb == "build" {
		cmd.Flags().StringVar(&source, "images", "auto", "auto, registry or host; host also makes images from this host's programs again")
	}
	return cmd
}

func (a *app) getImages(ctx context.Context, options images.Options, services ...string) error {
	s, err := a.read(ctx, nil)
	if err == nil {
		s, err = s.Named(services)
	}
	if err != nil {
		return err
	}
	eng, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show, err := a.newRenderer()
	if err != nil {
		return err
	}
	found, err := images.Ensure(ctx, eng, s, options, show.event)
	show.close()
	if err != nil {
		return err
	}
	for _, res := range found {
		fmt.Fprintf(a.Out, "%s %s\n", res.Service, res.Ref)
	}
	return nil
}

func newImagesSaveCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "save FILE", Short: "Write the stack's images into a tar file", Example: "stackctl images save stack.tar",
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.saveImages(cmd.Context(), args[0]) },
	}
}

func (a *app) saveImages(ctx context.Context, name string) error {
	s, err := a.read(ctx, nil)
	if err != nil {
		return err
	}
	eng, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	found, err := images.Find(ctx, eng, s, imageOptions())
	if err != nil {
		return err
	}
	var refs []string
	for _, res := range found {
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
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.loadImages(cmd.Context(), args[0]) },
	}
}

func (a *app) loadImages(ctx context.Context, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("loading images: %w", err)
	}
	defer f.Close()
	eng, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	if err := images.Load(ctx, eng, f, func(line string) { fmt.Fprintln(a.Out, line) }); err != nil {
		return fmt.Errorf("loading images from %q: %w", name, err)
	}
	return nil
}
