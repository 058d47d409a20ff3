package orchestrate

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
func (o *Observed) History() []Entry {
	var entries []Entry
	if c := newestHistory(o.Kept); c != nil {
		_ = json.Unmarshal([]byte(c.Labels[LabelHistory]), &entries) // what is not ours is no history
	}
	return entries
}

func newestHistory(kept []Container) *Container {
	var newest *Container
	for _, c := range kept {
		if c.Labels[LabelHistory] != "" && (newest == nil || historyNumber(c) > historyNumber(*newest)) {
			newest = &c
		}
	}
	return newest
}

// historyNumber counts the entries that there ever were; it is the end of the container's name.
func historyNumber(c Container) int {
	n, _ := strconv.Atoi(c.Name[strings.LastIndexByte(c.Name, '-')+1:])
	return n
}

// Kept lists the containers that keep the project's revisions and history.
func Kept(ctx context.Context, r Reader, project string) (*Observed, error) {
	return labelled(ctx, r, project, LabelKept)
}

// Remember adds an entry to the history of a project that has containers. Labels cannot be changed, so that a new container
// holds it, and the one before it goes.
func Remember(ctx context.Context, w Writer, project string, entry Entry) error {
	containers, err := Containers(ctx, w, project)
	if err != nil {
		return err
	}
	kept, err := Kept(ctx, w, project)
	if err != nil || len(containers) == 0 {
		return err
	}
	entry.Error = entry.Error[:min(len(entry.Error), maxError)]
	entries := append(kept.History(), entry)
	encoded, err := json.Marshal(entries[max(0, len(entries)-maxHistory):])
	if err != nil {
		return err
	}
	number := 1
	if newest := newestHistory(kept.Kept); newest != nil {
		number = historyNumber(*newest) + 1
	}
	name := fmt.Sprintf("%s-history-%d", project, number)
	config := &container.Config{Image: containers[0].ImageID, Labels: map[string]string{LabelKept: project, LabelHistory: string(encoded)}, Cmd: []string{"none"}}
	if _, err := w.ContainerCreate(ctx, config, &container.HostConfig{NetworkMode: "none"}, &network.NetworkingConfig{}, nil, name); err != nil && !isKept(ctx, w, project, name) {
		return fmt.Errorf("creating container %q: %w", name, err)
	}
	for _, c := range kept.Kept {
		if c.Labels[LabelHistory] == "" {
			continue
		}
		if gone := ignoreGone(w.ContainerRemove(ctx, c.ID, container.RemoveOptions{RemoveVolumes: true})); gone != nil && isKept(ctx, w, project, c.Name) {
			err = errors.Join(err, fmt.Errorf("removing container %q: %w", c.Name, gone))
		}
	}
	return err
}

// isKept looks whether a container is there: the answer of a call that made or removed it may be lost.
func isKept(ctx context.Context, r Reader, project, name string) bool {
	kept, err := Kept(ctx, r, project)
	return err == nil && slices.ContainsFunc(kept.Kept, func(c Container) bool { return c.Name == name })
}

// Summarize counts what a plan does, by action.
func (p *Plan) Summarize() map[string]int {
	counts := map[string]int{}
	if len(p.Changes) == 0 { // of a plan that has steps alone
		for _, op := range p.Ops {
			if verb, noun, _ := strings.Cut(op.Action.Verb(), " "); noun == "container" {
				counts[verb]++
			}
		}
	}
	for _, change := range p.Changes {
		if change.Action != "keep" {
			counts[change.Action]++
		}
	}
	return counts
}

// Outcome is the Entry.Result of an error.
func Outcome(err error) string {
	var undone *UndoneError
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &undone):
		return "undone"
	}
	return "failed"
}
