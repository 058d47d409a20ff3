package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/errdefs"
)

const seedNote = "**The seed's stack**: its Flask web tier, nginx.conf and Compose file, with stackctl's images of Redis and nginx (where those are made from the host's programs, a second Compose file adds what the registry's images have and these lack: an entrypoint, a user list, folders to write to). It has no healthchecks, and its web tier ignores SIGTERM: hence the 10 s of `down`."

const (
	seedFile  = "docker-compose.yml"
	seedImage = "seed-web"
	// seedLimit bounds the building of the seed's image, which installs a small Debian.
	seedLimit = 20 * time.Minute
)

// addSeeds adds each Compose with the seed's stack, where that is to be had.
func (b *bench) addSeeds(ctx context.Context, from *ours, tools []composeTool) error {
	if len(tools) == 0 {
		return nil
	}
	if b.only != nil && !slices.ContainsFunc(tools, func(t composeTool) bool { return b.only.MatchString(seedName(t)) }) {
		return nil
	}
	if err := b.ensureSeed(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.skipped = append(b.skipped, "the seed's stack: "+err.Error())
		return nil
	}
	images, err := from.images(ctx)
	if err != nil {
		return err
	}
	for i, tool := range tools {
		c, err := b.add(seedName(tool), fmt.Sprintf("%sseed%d", projectPrefix, i), seedNote)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		p, err := b.seedProgram(ctx, tool, images, c.project, c.port)
		if err != nil {
			return err
		}
		b.setCompose(c, tool, p)
	}
	return nil
}

// seedProgram is a Compose with the seed's stack, on stackctl's images of Redis and nginx.
func (b *bench) seedProgram(ctx context.Context, tool composeTool, images map[string]string, project string, port int) (program, error) {
	files, err := b.seedFiles(ctx, images["redis"])
	return program{
		command: append(append(slices.Clone(tool.command), "-p", project), files...), dir: b.seed,
		env: append(b.environment(), "REDIS_IMAGE="+images["redis"], "NGINX_IMAGE="+images["nginx"], fmt.Sprintf("SEED_PORT=%d", port)),
	}, err
}

func seedName(t composeTool) string { return t.name + ", the seed's stack" }

// ensureSeed makes sure that the seed's files and its image are there.
func (b *bench) ensureSeed(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(b.seed, seedFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return errors.New("its folder is not there; name it with -seed-stack")
		}
		return err
	}
	_, err := b.engine.ImageInspect(ctx, seedImage)
	if !errdefs.IsNotFound(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, seedLimit)
	defer cancel()
	if err := b.ensureDebootstrap(ctx); err != nil {
		return err
	}
	fmt.Fprintf(b.progress, "building image %s: some two minutes\n", seedImage)
	build := program{command: []string{"./build-python"}, dir: b.seed, env: b.environment()}
	if _, err := build.output(ctx); err != nil {
		return fmt.Errorf("building image %q: %s", seedImage, lastLine(err.Error()))
	}
	return nil
}

// ensureDebootstrap installs it where that needs nobody's consent: as root on a Debian.
func (b *bench) ensureDebootstrap(ctx context.Context) error {
	if _, err := exec.LookPath("debootstrap"); err == nil {
		return nil
	}
	missing := fmt.Errorf("image %q is not there, and building it needs debootstrap: install that", seedImage)
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		return missing
	}
	fmt.Fprintln(b.progress, "installing debootstrap")
	apt := program{command: []string{"apt-get"}, env: append(b.environment(), "DEBIAN_FRONTEND=noninteractive")}
	_, err := apt.output(ctx, "install", "-y", "debootstrap")
	if err != nil { // the package lists may be missing
		if _, err = apt.output(ctx, "update"); err == nil {
			_, err = apt.output(ctx, "install", "-y", "debootstrap")
		}
	}
	if err != nil {
		return fmt.Errorf("%w (apt-get: %s)", missing, lastLine(err.Error()))
	}
	return nil
}
