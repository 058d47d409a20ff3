package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const stackctlName = "stackctl"

// ours is stackctl with the embedded stack.
type ours struct {
	*contender
	program
	began time.Time
}

func (b *bench) addStackctl(ctx context.Context, binary string) (*ours, error) {
	c, err := b.add(stackctlName, projectPrefix+"ours", "")
	if err != nil {
		return nil, err
	}
	o := &ours{contender: c, program: program{
		command: []string{binary, "--project-name", c.project, "--progress", "plain"}, dir: b.dir,
		env: append(b.environment(), fmt.Sprintf("STACKCTL_PORT=%d", c.port)),
	}}
	if err := b.purge(ctx, c.project); err != nil {
		return nil, err
	}
	b.set(c, rowUp, timed(o.up))
	b.set(c, rowFirst, timed(func(ctx context.Context) (time.Duration, error) {
		return time.Since(o.began), nil // up has made sure of it
	}))
	b.set(c, rowNoop, timed(o.timing("up")))
	b.set(c, rowPs, timed(o.timing("ps")))
	b.set(c, rowDown, timed(o.timing("down")))
	b.set(c, rowUpWait, b.afresh(c, timed(o.up)))
	b.set(c, rowNoopWait, timed(o.timing("up")))
	b.set(c, rowDownKill, timed(o.timing("down", "-t", "0")))
	b.set(c, rowBinary, func(context.Context) (float64, error) {
		info, err := os.Stat(binary)
		if err != nil {
			return 0, err
		}
		return float64(info.Size()) / 1e6, nil
	})
	b.set(c, rowImage, func(ctx context.Context) (float64, error) { return b.webImageSize(ctx, o) })
	return o, nil
}

// up starts the stack. It counts only if the very first request afterwards gets the count 1.
func (o *ours) up(ctx context.Context) (time.Duration, error) {
	o.began = time.Now()
	if _, err := o.output(ctx, "up"); err != nil {
		return 0, err
	}
	elapsed := time.Since(o.began)
	if err := visit(ctx, o.port); err != nil {
		return 0, fmt.Errorf("visiting the stack after `up` returned: %w", err)
	}
	return elapsed, nil
}

// model is the resolved Compose file with the images that the engine has, for another project and port.
func (o *ours) model(ctx context.Context, project string, port int) ([]byte, error) {
	other := o.program
	other.command = []string{o.command[0], "--project-name", project}
	other.env = append(other.env, fmt.Sprintf("STACKCTL_PORT=%d", port))
	return other.output(ctx, "config", "--resolve-images", "--format", "json")
}

func (b *bench) webImageSize(ctx context.Context, o *ours) (float64, error) {
	refs, err := o.images(ctx)
	if err != nil {
		return 0, err
	}
	info, err := b.engine.ImageInspect(ctx, refs["web"])
	if err != nil {
		return 0, fmt.Errorf("inspecting the web tier's image: %w", err)
	}
	return float64(info.Size) / 1e6, nil
}

// environment is ours without what would change the meaning of the commands, and with the one engine for all of them.
func (b *bench) environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "COMPOSE_") || name == "STACKCTL_PORT" || name == "DOCKER_HOST" || name == "DOCKER_CONTEXT" {
			continue
		}
		env = append(env, entry)
	}
	return append(env, "DOCKER_HOST="+b.engine.Address, "DOCKER_CLI_HINTS=false")
}

// afresh makes a measure begin from nothing: its reset is not measured.
func (b *bench) afresh(c *contender, m measure) measure {
	return func(ctx context.Context) (float64, error) {
		if err := b.purge(ctx, c.project); err != nil {
			return 0, err
		}
		return m(ctx)
	}
}

func (b *bench) tempFile(name string, data []byte) (string, error) {
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, data, 0o644)
}
