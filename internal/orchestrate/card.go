package orchestrate

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/termtext"
)

// Card says why a container failed: what a person would otherwise collect with inspect and logs.
type Card struct {
	Container string   `json:"container"`
	Service   string   `json:"service"`
	State     string   `json:"state"`
	ExitCode  int      `json:"exit_code"`
	OOMKilled bool     `json:"oom_killed"`
	Restarts  int      `json:"restarts"`
	Error     string   `json:"error,omitempty"`  // the engine's
	Health    string   `json:"health,omitempty"` // output of the last healthcheck
	Logs      []string `json:"logs"`             // the last lines; untrusted
	Cause     string   `json:"cause"`            // the likely one
	Next      string   `json:"next"`             // a command
}

// cardLogLines is how many of the last log lines a card holds.
const cardLogLines = 20

// Cards describes every container of the project that is not well.
func Cards(ctx context.Context, r observe.Reader, project string) []Card {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	containers, err := observe.Containers(ctx, r, project)
	if err != nil {
		return nil
	}
	var cards []Card
	for _, c := range containers {
		info, err := r.ContainerInspect(ctx, c.ID)
		if err != nil || c.OneOff || isWell(info) {
			continue
		}
		cards = append(cards, newCard(c, info, lastLogs(ctx, r, c.ID, info.Config.Tty)))
	}
	return cards
}

func isWell(info container.InspectResponse) bool {
	state := info.State
	switch {
	case state.Health != nil && state.Health.Status == container.Unhealthy:
		return false
	case state.Running && !state.Restarting && info.RestartCount == 0:
		return true
	case state.Status == "created" && state.Error == "": // held back by what it waits for
		return true
	case state.Status == "exited" && state.ExitCode == 0 && state.Error == "" && (info.HostConfig.RestartPolicy.IsNone() || info.HostConfig.RestartPolicy.IsOnFailure()):
		return true
	}
	return false
}

func newCard(c observe.Container, info container.InspectResponse, logs []string) Card {
	card := Card{
		Container: c.Name, Service: c.Service, State: string(info.State.Status), ExitCode: info.State.ExitCode,
		OOMKilled: info.State.OOMKilled, Restarts: info.RestartCount, Error: info.State.Error, Logs: logs,
		Next: "stackctl logs " + c.Service,
	}
	if health := info.State.Health; health != nil && len(health.Log) > 0 {
		card.Health = strings.TrimSpace(health.Log[len(health.Log)-1].Output)
	}
	card.Cause = likelyCause(card)
	return card
}

// likelyCause reads the signs in the order of how sure they are.
func likelyCause(card Card) string {
	text := strings.ToLower(strings.Join(card.Logs, "\n") + "\n" + card.Error)
	for _, sign := range []struct{ text, cause string }{
		{"permission denied", "it may not write or read a file: look at the owner of its volume, and at `user` and `read_only`"},
		{"read-only file system", "it writes to a path that is read-only: give it a tmpfs or a volume there"},
		{"can't open or create append-only dir", "Redis cannot write to its volume: its owner must be the `user` of the service"},
		{"address already in use", "its port is taken"},
		{"no such host", "it looks for a service by a name that does not resolve: is that service on the same network?"},
		{"executable file not found", "its command is not in the image"},
		{"no such file or directory", "a file that it needs is not in the image or not mounted"},
		{"no space left on device", "the disk is full"},
	} {
		if strings.Contains(text, sign.text) {
			return sign.cause
		}
	}
	switch {
	case card.OOMKilled:
		return "it ran out of memory: raise mem_limit"
	case card.ExitCode == 137:
		return "it was killed (SIGKILL), by a person or because memory ran out"
	case card.ExitCode == 126, card.ExitCode == 127:
		return "its command cannot be run: check command, entrypoint and the image"
	case card.Health != "":
		return "its healthcheck fails"
	}
	return "its own program ended; its log says more"
}

// lastLogs returns the container's last lines; none if they cannot be had.
func lastLogs(ctx context.Context, r observe.Reader, id string, tty bool) []string {
	stream, err := r.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: fmt.Sprint(cardLogLines)})
	if err != nil {
		return nil
	}
	defer stream.Close()
	var lines []string
	collect := lineCollector{lines: &lines}
	if tty {
		scanner := bufio.NewScanner(stream)
		for scanner.Scan() {
			lines = append(lines, scanner.Text())
		}
		return lines
	}
	_, _ = stdcopy.StdCopy(&collect, &collect, stream)
	return lines[max(0, len(lines)-cardLogLines):]
}

// lineCollector takes one log message a Write, as the engine frames them.
type lineCollector struct{ lines *[]string }

// maxCardLine bounds a line of a card, in bytes.
const maxCardLine = 1 << 10

func (l *lineCollector) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		line = strings.TrimRight(line, "\r\n")
		*l.lines = append(*l.lines, line[:min(len(line), maxCardLine)])
	}
	return len(p), nil
}

// String prints the card. The caller neutralises control sequences: the lines come from a container.
func (c Card) String() string {
	var b strings.Builder
	exit := fmt.Sprintf("exit code %d", c.ExitCode)
	if c.OOMKilled {
		exit += ", out of memory"
	}
	fmt.Fprintf(&b, "container %s (service %s): %s, %s, %d restarts\n", termtext.Safe(c.Container), termtext.Safe(c.Service), termtext.Safe(c.State), exit, c.Restarts)
	if c.Error != "" {
		fmt.Fprintf(&b, "  engine: %s\n", termtext.Safe(c.Error))
	}
	if c.Health != "" {
		fmt.Fprintf(&b, "  last healthcheck: %s\n", termtext.Safe(c.Health))
	}
	fmt.Fprintf(&b, "  likely cause: %s\n  next: %s\n", c.Cause, termtext.Safe(cmp.Or(c.Next, "stackctl logs")))
	if len(c.Logs) > 0 {
		fmt.Fprintf(&b, "  last %d log lines:\n", len(c.Logs))
	}
	for _, line := range c.Logs {
		fmt.Fprintf(&b, "    %s\n", termtext.Safe(line))
	}
	return b.String()
}
