// Package rig is shared by all benchmarks: an engine, the measured binary, projects that are removed at the end, and
// contenders that take turns.
package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// Options say how to measure.
type Options struct {
	Runs     int
	Binary   string
	Only     *regexp.Regexp // the contenders to measure, beside stackctl; nil is all
	Progress io.Writer
}

// Rig is set up by Open.
type Rig struct {
	Options
	Engine *engine.Engine
	Dir    string // temporary files; containers read from it

	projects []string
}

// Open connects to the engine and copies the binary, so that a build during the benchmark does not change what is measured.
func Open(ctx context.Context, o Options) (*Rig, error) {
	data, err := os.ReadFile(o.Binary)
	if err != nil {
		return nil, fmt.Errorf("reading the binary: %w; build it with `make build`", err)
	}
	r := &Rig{Options: o}
	if r.Engine, err = engine.Connect(ctx, engine.Target{}); err != nil {
		return nil, err
	}
	if r.Dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, errors.Join(fmt.Errorf("creating a temporary folder: %w", err), r.Engine.Close())
	}
	r.Binary = filepath.Join(r.Dir, "stackctl")
	err = errors.Join(os.WriteFile(r.Binary, data, 0o755), os.Chmod(r.Dir, 0o755)) // nginx, who is not us, reads its configuration there
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Clear removes all projects that were named so far, even after Ctrl-C.
func (r *Rig) Clear(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	for _, project := range r.projects {
		if err := r.Purge(ctx, project); err != nil {
			fmt.Fprintln(r.Progress, "bench: cleaning up:", r.Short(err))
		}
	}
	r.projects = nil
}

// Close closes the connection to the engine and removes the temporary files.
func (r *Rig) Close() error { return errors.Join(r.Engine.Close(), os.RemoveAll(r.Dir)) }

// Project names a project that Clear removes. Two runs on one engine have different ones.
func (r *Rig) Project(name string) string {
	project := fmt.Sprintf("bench-%d-%s", os.Getpid(), name)
	if !slices.Contains(r.projects, project) {
		r.projects = append(r.projects, project)
	}
	return project
}

// Port finds a free port below those that the system gives to outgoing connections.
func (r *Rig) Port() (int, error) {
	for range 200 {
		port := 20000 + rand.IntN(10000)
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("finding a free port between 20000 and 30000: none found")
}

// Wants reports whether -only selects a contender.
func (r *Rig) Wants(name string) bool { return r.Only == nil || r.Only.MatchString(name) }

// Section begins a section, with the machine as it is before the measurement.
func (r *Rig) Section(ctx context.Context, subject, title, reading string) report.Section {
	return report.Section{Subject: subject, Title: title, Reading: reading, Commit: commit(ctx), Facts: machineFacts(ctx, r.Engine)}
}

// TempFile writes a file that Close removes.
func (r *Rig) TempFile(name string, data []byte) (string, error) {
	path := filepath.Join(r.Dir, name)
	return path, os.WriteFile(path, data, 0o644)
}

// Short shortens an error for the document: its last line, without the temporary folder.
func (r *Rig) Short(err error) string {
	text := strings.TrimSpace(strings.ReplaceAll(err.Error(), r.Dir, "…"))
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
