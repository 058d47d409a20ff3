// Package kept reads and writes what a project keeps in containers that are never started: earlier revisions of its services, and its
// history.
package kept

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// Entry is one thing that was done to a project.
type Entry struct {
	Time    time.Time      `json:"time"`    // when it began
	Command string         `json:"command"` // with its services and the names of its flags, without their values
	By      string         `json:"by"`      // user@host
	TookMS  int64          `json:"took_ms"`
	Result  string         `json:"result"` // done, failed, undone (failed, and everything was put back) or interrupted
	Error   string         `json:"error,omitempty"`
	Changes map[string]int `json:"changes,omitempty"` // how many containers were created, replaced ...
}

// maxHistory is how many entries are kept, maxError how much of an error, in bytes: the engine lists them with every
// container.
const (
	maxHistory = 30
	maxError   = 300
)

// History returns what was done to the project, the oldest first.
func History(o *observe.Observed) []Entry {
	var entries []Entry
	if c := newest(o.Kept, label.History); c != nil {
		_ = json.Unmarshal([]byte(c.Labels[label.History]), &entries) // what is not ours is no history
	}
	return entries
}

// newest finds the kept container with the label; of several, which an interrupted change leaves behind, the last one.
func newest(kept []observe.Container, name string) *observe.Container {
	var found *observe.Container
	for _, c := range kept {
		if c.Labels[name] != "" && (found == nil || numberOf(c) > numberOf(*found)) {
			found = &c
		}
	}
	return found
}

// numberOf counts the containers that there ever were of its kind; it is the end of the container's name.
func numberOf(c observe.Container) int {
	n, _ := strconv.Atoi(c.Name[strings.LastIndexByte(c.Name, '-')+1:])
	return n
}

// All lists the containers that keep the project's revisions and history.
func All(ctx context.Context, r observe.Reader, project string) (*observe.Observed, error) {
	return observe.Labelled(ctx, r, project, label.Kept)
}

// keeper makes and removes the containers that keep something.
type keeper interface {
	observe.Reader
	ContainerCreate(ctx context.Context, config *container.Config, host *container.HostConfig, networking *network.NetworkingConfig, platform *ocispec.Platform, name string) (container.CreateResponse, error)
	ContainerRemove(ctx context.Context, id string, options container.RemoveOptions) error
}

// Remember adds an entry to the history of a project that has containers. Labels cannot be changed, so that a new container
// holds it, and the one before it goes.
func Remember(ctx context.Context, w keeper, project string, entry Entry) error {
	now, err := observe.List(ctx, w, project)
	if err != nil || len(now.Containers) == 0 {
		return err
	}
	entry.Error = entry.Error[:min(len(entry.Error), maxError)]
	entries := append(History(now), entry)
	encoded, err := json.Marshal(entries[max(0, len(entries)-maxHistory):])
	if err != nil {
		return err
	}
	return replace(ctx, w, now, label.History, "history", string(encoded))
}

// replace makes a container whose label has the value, and removes those that had it before.
func replace(ctx context.Context, w keeper, now *observe.Observed, name, what, value string) error {
	number := 1
	if last := newest(now.Kept, name); last != nil {
		number = numberOf(*last) + 1
	}
	called := fmt.Sprintf("%s-%s-%d", now.Project, what, number)
	config := &container.Config{Image: now.Containers[0].ImageID, Labels: map[string]string{label.Kept: now.Project, name: value}, Cmd: []string{"none"}}
	_, err := w.ContainerCreate(ctx, config, &container.HostConfig{NetworkMode: "none"}, &network.NetworkingConfig{}, nil, called)
	if err != nil && !isKept(ctx, w, now.Project, called) {
		return fmt.Errorf("creating container %q: %w", called, err)
	}
	err = nil
	for _, c := range now.Kept {
		if c.Labels[name] == "" {
			continue
		}
		if gone := observe.IgnoreGone(w.ContainerRemove(ctx, c.ID, container.RemoveOptions{RemoveVolumes: true})); gone != nil && isKept(ctx, w, now.Project, c.Name) {
			err = errors.Join(err, fmt.Errorf("removing container %q: %w", c.Name, gone))
		}
	}
	return err
}

// isKept looks whether a container is there: the answer of a call that made or removed it may be lost.
func isKept(ctx context.Context, r observe.Reader, project, name string) bool {
	observed, err := All(ctx, r, project)
	return err == nil && slices.ContainsFunc(observed.Kept, func(c observe.Container) bool { return c.Name == name })
}
