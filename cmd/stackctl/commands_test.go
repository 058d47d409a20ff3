package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/terminal"
)

// engineOf is an engine with one running container, whose answers have the text wherever an engine may have foreign text. It changes
// nothing: it refuses, with the text.
func engineOf(text string) http.Handler {
	labels := map[string]string{
		label.Project: "p", label.Service: text, label.OneOff: "False", label.ContainerNumber: "1",
		label.ConfigFiles: text, label.DependsOn: text, label.Fields: text, label.Ready: text,
		label.StorePort: text, label.Tunnel: text, label.Volume: text, label.Network: text, text: text,
	}
	history := map[string]string{label.Kept: "p", label.History: `[{"command":` + quoted(text) + `,"verb":` + quoted(text) + `,"change":` + quoted(text) + `,"error":` + quoted(text) + `}]`}
	summary := map[string]any{
		"Id": "c1", "Names": []string{"/" + text}, "Image": text, "ImageID": text, "Command": text, "State": "running", "Status": text, "Labels": labels,
		"Ports": []any{map[string]any{"IP": text, "PrivatePort": 80, "PublicPort": 80, "Type": text}}, "NetworkSettings": map[string]any{"Networks": map[string]any{text: map[string]any{}}},
	}
	history[label.Settings] = `{"with":["maintenance"],"variables":{"STACKCTL_MAINTENANCE_MESSAGE":` + quoted(text) + `}}`
	kept := map[string]any{"Id": "h1", "Names": []string{"/" + text}, "State": "created", "Labels": history}
	answers := []struct {
		path   *regexp.Regexp
		answer any
	}{
		{regexp.MustCompile(`/_ping$`), "OK"},
		{regexp.MustCompile(`/version$`), map[string]any{"Version": text, "ApiVersion": "1.41", "Os": text, "Arch": text, "Platform": map[string]any{"Name": text}}},
		{regexp.MustCompile(`/info$`), map[string]any{"Name": text, "OperatingSystem": text, "ServerVersion": text, "Driver": text, "Warnings": []string{text}, "NCPU": 2, "MemTotal": 1 << 30}},
		{regexp.MustCompile(`/containers/json$`), []any{summary, kept}},
		{regexp.MustCompile(`/containers/[^/]+/json$`), map[string]any{
			"Id": "c1", "Name": "/" + text, "Path": text, "Image": text, "RestartCount": 1,
			"State":  map[string]any{"Status": "running", "Running": true, "Error": text, "StartedAt": "2026-01-01T00:00:00Z", "Health": map[string]any{"Status": "unhealthy", "Log": []any{map[string]any{"Output": text}}}},
			"Config": map[string]any{"Labels": labels, "Env": []string{text + "=" + text}, "Image": text, "Tty": true, "StopTimeout": 0}, "NetworkSettings": map[string]any{"Networks": map[string]any{}}, "HostConfig": map[string]any{"LogConfig": map[string]any{"Type": "json-file"}},
		}},
		{regexp.MustCompile(`/containers/[^/]+/logs$`), "2026-01-01T00:00:00.000000000Z " + strings.ReplaceAll(text, "\n", " ") + "\n"},
		{regexp.MustCompile(`/containers/[^/]+/top$`), map[string]any{"Titles": []string{"PID", text}, "Processes": [][]string{{"1", text}}}},
		{regexp.MustCompile(`/containers/[^/]+/stats$`), map[string]any{"name": text, "read": "2026-01-01T00:00:00Z"}},
		{regexp.MustCompile(`/events$`), map[string]any{"Type": "container", "Action": text, "Actor": map[string]any{"ID": text, "Attributes": labels}, "timeNano": 1}},
		{regexp.MustCompile(`/networks$`), []any{map[string]any{"Id": "n1", "Name": text, "Driver": text, "Labels": labels}}},
		{regexp.MustCompile(`/volumes$`), map[string]any{"Volumes": []any{map[string]any{"Name": text, "Driver": text, "Labels": labels}}}},
		{regexp.MustCompile(`/images/json$`), []any{map[string]any{"Id": text, "RepoTags": []string{text}, "Labels": labels}}},
		{regexp.MustCompile(`/images/.*/json$`), map[string]any{"Id": text, "RepoTags": []string{text}, "Config": map[string]any{"Labels": labels}}},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		for _, a := range answers {
			if r.Method != http.MethodGet && r.Method != http.MethodHead || !a.path.MatchString(r.URL.Path) {
				continue
			}
			if plain, ok := a.answer.(string); ok {
				_, _ = io.WriteString(w, plain)
				return
			}
			_ = json.NewEncoder(w).Encode(a.answer)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": text})
	})
}

func quoted(text string) string {
	data, _ := json.Marshal(text) // a string always can
	return string(data)
}

// commandArgs are what each command is run with, with the text for each name; none may be missing.
func commandArgs(text string) map[string][]string {
	return map[string][]string{
		"exec": {text, text}, "run": {text, text}, "port": {text, "80"}, "get": {text}, "del": {text}, "keys": {text}, "scale": {"web=2", "--wait-timeout", "1s"},
		"features": {}, "alerts": {}, "rotate": {}, "backup": {"--without-secrets", "-"}, "restore": {text}, "cert": {}, "cert root": {}, "cert trust": {}, "board": {"--once", "-"}, "export": {}, "export grafana": {text + ".dashboards"}, "maintenance": {}, "maintenance on": {"--message", "x"}, "maintenance off": {}, "top": {}, "events": {"--until", "0s"}, "stats": {"--no-stream"}, "verify": {"--duration", "100ms", "--", text}, "wait": {text}, "reset": {"-y"}, "visits": {}, "restore visits": {},
		"redis": {"GET", text}, "down": {"-y"}, "rollback": {text}, "rollout": {"--wait-timeout", "1s", text}, "logs": {}, "dash": {"--once"}, "lookup": {text},
		"up": {"-d", "--wait-timeout", "1s"}, "create": {}, "plan": {}, "ps": {"-a"}, "ls": {"-a"}, "images": {}, "history": {}, "config": {}, "doctor": {}, "version": {},
		"start": {}, "stop": {}, "restart": {}, "kill": {}, "pause": {}, "unpause": {}, "rm": {"-f"}, "pull": {}, "build": {}, "tunnel": {text},
		"images load": {text}, "images save": {"-o", text}, "images pull": {}, "images build": {}, "images list": {}, "images ls": {},
	}
}

// commandSkips say why a command is not run.
var commandSkips = map[string]string{
	"serve": "the web tier: reads nothing of an engine, and logs JSON by slog", "certs": "the certs tier: as serve", "waf": "the firewall's tier: as serve", "hold": "the tier that requests wait for: as serve", "archive": "the archive tier: as serve", "edge": "the tier of nginx's metrics: as serve", "demo": "runs until Ctrl-C, with an engine of its own",
	"completion": "prints a script of cobra's", "help": "prints our own text", "man": "prints our own text",
}

// eachCommand visits every command that may be tried; one without arguments in the table fails the test.
func eachCommand(t *testing.T, text string, try func(cmd *cobra.Command, path, args []string)) {
	t.Helper()
	table := commandArgs(text)
	var visit func(cmd *cobra.Command, path []string)
	visit = func(cmd *cobra.Command, path []string) {
		for _, sub := range cmd.Commands() {
			visit(sub, append(path[:len(path):len(path)], sub.Name()))
		}
		if len(path) == 0 || !cmd.Runnable() || commandSkips[path[0]] != "" {
			return
		}
		args, ok := table[strings.Join(path, " ")]
		if !ok {
			t.Errorf("command %q is not tried: give it arguments", path)
			return
		}
		try(cmd, path[:len(path):len(path)], args)
	}
	visit(newRoot(&terminal.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, 0), nil)
}
