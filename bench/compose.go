package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const sameNote = "**The same stack**: what `stackctl config --resolve-images` prints, so the same images and settings. So that every Compose from 1.29 on reads it, the benchmark " +
	"writes inline configs to files and mounts those, writes ports in the short form, and leaves out `name`, every `x-` key and `required` of `depends_on`. There nginx waits until web is healthy, and web until " +
	"Redis is; an engine without `start_interval` first looks after a whole interval, 10 s."

const leanNote = "**No healthchecks**: the same stack without its healthchecks, and with services that wait only for each other's start: the fastest that Compose can be with it. " +
	"Here `--wait` waits until the containers run, not until they answer."

// composeTool is a Compose that is installed here.
type composeTool struct {
	name    string
	command []string
	waits   bool // knows `up --wait`
}

// findComposes looks for the docker CLI's plug-in and for docker-compose on PATH.
func findComposes(ctx context.Context, env []string) (tools []composeTool, missing []string) {
	var versions []string
	commands := [][]string{{"docker", "compose"}, {"docker-compose"}}
	if named := os.Getenv("STACKCTL_COMPOSE"); named != "" {
		commands = slices.Insert(commands, 0, []string{named})
	}
	for _, command := range commands {
		name := strings.Join(append([]string{filepath.Base(command[0])}, command[1:]...), " ")
		if _, err := exec.LookPath(command[0]); err != nil {
			missing = append(missing, fmt.Sprintf("%s: not on PATH", name))
			continue
		}
		limited, cancel := context.WithTimeout(ctx, 30*time.Second)
		out, err := program{command: command, env: env}.output(limited, "version", "--short")
		cancel()
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s: not installed", name))
			continue
		}
		version := strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
		if slices.Contains(versions, version) {
			continue // the plug-in and the program are often one file
		}
		versions = append(versions, version)
		tools = append(tools, composeTool{name: name + " " + version, command: command, waits: !strings.HasPrefix(version, "1.")})
	}
	return tools, missing
}

// addComposes adds each Compose with each stack.
func (b *bench) addComposes(ctx context.Context, from *ours) error {
	tools, missing := findComposes(ctx, b.environment())
	b.skipped = append(b.skipped, missing...)
	if !b.engine.Local() {
		b.skipped = append(b.skipped, "Compose: the engine is on another machine, where the files that it mounts are not")
		return nil
	}
	for i, tool := range tools {
		b.composes = append(b.composes, tool.name)
		for _, lean := range []bool{true, false} {
			if err := b.addSame(ctx, from, tool, fmt.Sprintf("compose%d", i), lean); err != nil {
				return err
			}
		}
	}
	return b.addSeeds(ctx, from, tools)
}

// addSame adds a Compose with stackctl's own stack.
func (b *bench) addSame(ctx context.Context, from *ours, tool composeTool, suffix string, lean bool) error {
	name, note := tool.name+", the same stack", sameNote
	if lean {
		name, note, suffix = tool.name+", no healthchecks", leanNote, suffix+"-lean"
	}
	c, err := b.add(name, projectPrefix+suffix, note)
	if c == nil {
		return err
	}
	data, err := from.model(ctx, c.project, c.port)
	if err != nil {
		return err
	}
	file, err := b.rewrite(data, suffix, lean)
	if err != nil {
		return fmt.Errorf("rewriting the Compose file: %w", err)
	}
	b.setCompose(c, tool, program{
		command: append(slices.Clone(tool.command), "-p", c.project, "-f", file), dir: b.dir, env: b.environment(),
	})
	return nil
}

// setCompose fills the rows of a Compose with a stack.
func (b *bench) setCompose(c *contender, tool composeTool, p program) {
	var began time.Time
	up := func(args ...string) measure {
		return timed(func(ctx context.Context) (time.Duration, error) {
			began = time.Now()
			return p.timing(append([]string{"up", "-d"}, args...)...)(ctx)
		})
	}
	first := timed(func(ctx context.Context) (time.Duration, error) {
		err := awaitVisit(ctx, c.port)
		return time.Since(began), err
	})
	b.set(c, rowUp, up())
	b.set(c, rowFirst, first)
	b.set(c, rowNoop, timed(p.timing("up", "-d")))
	b.set(c, rowPs, timed(p.timing("ps")))
	b.set(c, rowDown, timed(p.timing("down")))
	if tool.waits {
		b.set(c, rowUpWait, b.afresh(c, up("--wait")))
		b.set(c, rowNoopWait, timed(p.timing("up", "-d", "--wait")))
		b.set(c, rowDownKill, timed(p.timing("down", "-t", "0")))
		return
	}
	b.set(c, rowDownKill, b.afresh(c, timed(func(ctx context.Context) (time.Duration, error) {
		if _, err := p.output(ctx, "up", "-d"); err != nil {
			return 0, err
		}
		return p.timing("down", "-t", "0")(ctx)
	})))
}
