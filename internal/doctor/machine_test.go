package doctor

import (
	"fmt"
	"net"
	"testing"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// Only what would keep the stack from publishing its port is in the way.
func TestWhoHasAPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, taken, _ := net.SplitHostPort(listener.Addr().String())
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	here, far := &engine.Engine{Address: "unix:///x"}, &engine.Engine{Address: "ssh://far"}
	other := func(running bool, p container.Port) *observe.Observed {
		return &observe.Observed{Others: []observe.Other{{Name: "other", Project: "q", Running: running, Ports: []container.Port{{PrivatePort: 80, Type: "tcp"}, p}}}}
	}
	at := func(ip, kind string) container.Port {
		return container.Port{IP: ip, PrivatePort: 80, PublicPort: uint16(port), Type: kind}
	}
	ours := &observe.Observed{Project: "p", Containers: []observe.Container{{Name: "p-a-1", Service: "a", State: "running", Ports: []container.Port{at("127.0.0.1", "tcp")}}}}
	mine := fmt.Sprintf("127.0.0.1:%d", port)
	for name, tt := range map[string]struct {
		publish  string
		eng      *engine.Engine
		observed *observe.Observed
		want     string
	}{
		"free":                   {mine + ":80", here, &observe.Observed{}, "ok port " + mine + ": free"},
		"of a program":           {"127.0.0.1:" + taken + ":80", here, &observe.Observed{}, "broken port 127.0.0.1:" + taken + ": in use by "},
		"of a program, for any":  {taken + ":80", here, &observe.Observed{}, "broken port 0.0.0.0:" + taken + ": in use by "},
		"not looked for there":   {"127.0.0.1:" + taken + ":80", far, &observe.Observed{}, ": no container of the engine uses it"},
		"of a container":         {mine + ":80", far, other(true, at("127.0.0.1", "tcp")), `broken port ` + mine + `: in use by container "other" of project "q"; stop that, or`},
		"of a container, at all": {mine + ":80", here, other(true, at("0.0.0.0", "tcp")), `in use by container "other" of project "q"`},
		"of one elsewhere":       {mine + ":80", here, other(true, at("127.0.0.9", "tcp")), "ok port " + mine + ": free"},
		"of one for datagrams":   {mine + ":80", here, other(true, at("127.0.0.1", "udp")), "ok port " + mine + ": free"},
		"of one that is stopped": {mine + ":80", here, other(false, at("127.0.0.1", "tcp")), "ok port " + mine + ": free"},
		"one of several":         {"127.0.0.1:8000-8010:80", here, other(true, container.Port{}), "ok port 127.0.0.1:8000-8010: the engine chooses one of them"},
		"ours":                   {"127.0.0.1:" + taken + ":80", here, ours, "ok port " + mine + ": published by this project's service a"},
		"no address of here":     {"192.0.2.1:" + taken + ":80", here, &observe.Observed{}, "broken port 192.0.2.1:" + taken + ": listen tcp"},
	} {
		report := ""
		for _, c := range checkPorts(t.Context(), tt.eng, load(t, `services: {a: {image: x, ports: ["`+tt.publish+`"]}}`), tt.observed) {
			report += line(c)
		}
		t.Run(name, func(t *testing.T) { compare(t, report, tt.want) })
	}
	s := load(t, `services: {a: {image: x, ports: ["80", "127.0.0.1:`+taken+`:81/udp"]}}`)
	if checks := checkPorts(t.Context(), here, s, &observe.Observed{}); len(checks) != 0 {
		t.Errorf("ports that cannot be taken: %+v", checks)
	}
}
