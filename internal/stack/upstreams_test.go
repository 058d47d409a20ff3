package stack_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/stack"
)

func TestRenderUpstreams(t *testing.T) {
	addresses := map[string][]string{"web": {"10.0.0.2", "10.0.0.3"}, "api": {"10.0.0.9"}, "none": {}}
	for _, test := range []struct{ name, conf, want string }{
		{"one line a replica", "upstream web {\n  server web:80;\n}\n", "upstream web {\n  server 10.0.0.2:80;\n  server 10.0.0.3:80;\n}\n"},
		{"without a port", "upstream web {\n  server web;\n}\n", "upstream web {\n  server 10.0.0.2;\n  server 10.0.0.3;\n}\n"},
		{
			"parameters and comment are kept", "upstream web {\n\tserver web:80 max_fails=3 fail_timeout=2s; # ours\n}\n",
			"upstream web {\n\tserver 10.0.0.2:80 max_fails=3 fail_timeout=2s; # ours\n\tserver 10.0.0.3:80 max_fails=3 fail_timeout=2s; # ours\n}\n",
		},
		{
			"all else is kept", "# web:80\nupstream web {\n  zone web 64k;\n  # server web:80;\n  server web:80;\n  keepalive 8;\n}\nserver { server_name web; }\n",
			"# web:80\nupstream web {\n  zone web 64k;\n  # server web:80;\n  server 10.0.0.2:80;\n  server 10.0.0.3:80;\n  keepalive 8;\n}\nserver { server_name web; }\n",
		},
		{
			"several upstreams, named as one likes", "upstream front {\n  server web:80;\n}\nupstream back {\n  server api:90 weight=2;\n  server 10.9.9.9:1 backup;\n}\n",
			"upstream front {\n  server 10.0.0.2:80;\n  server 10.0.0.3:80;\n}\nupstream back {\n  server 10.0.0.9:90 weight=2;\n  server 10.9.9.9:1 backup;\n}\n",
		},
		{"two services in one upstream", "upstream x {\n  server web:80;\n  server api:80 backup;\n}\n", "upstream x {\n  server 10.0.0.2:80;\n  server 10.0.0.3:80;\n  server 10.0.0.9:80 backup;\n}\n"},
		{"outside of an upstream", "upstream web {\n}\nmail {\n  server web:80;\n}\n", "upstream web {\n}\nmail {\n  server web:80;\n}\n"},
		{"a service without replicas", "upstream none {\n  server none:80;\n}\n", "upstream none {\n  server 192.0.2.1:80 down;\n}\n"},
		{"no service", "upstream web {\n  server example.org:80;\n  server unix:/run/web;\n}\n", "upstream web {\n  server example.org:80;\n  server unix:/run/web;\n}\n"},
		{"line ends of Windows", "upstream web {\r\n  server web:80;\r\n}\r\n", "upstream web {\r\n  server 10.0.0.2:80;\r\n  server 10.0.0.3:80;\r\n}\r\n"},
		{"brace on its own line", "upstream web\n{\n  server web:80;\n}\n", "upstream web\n{\n  server 10.0.0.2:80;\n  server 10.0.0.3:80;\n}\n"},
		{"on one line: left alone", "upstream web { server web:80; }\nmail {\n  server web:80;\n}\n", "upstream web { server web:80; }\nmail {\n  server web:80;\n}\n"},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, stack.RenderUpstreams(test.conf, addresses)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A line that sends the log to a service gets the address of its first replica, and is a comment while there is none; a line that counts
// replicas gets their number. Both come back as they were.
func TestRenderLogsAndCounts(t *testing.T) {
	const conf = "http {\n" +
		"  access_log syslog:server=edge:5140,tag=edge,nohostname edge; # ours\n" +
		"  access_log syslog:server=example.org:514,tag=x,nohostname edge;\n" +
		"  # access_log syslog:server=edge:5140,tag=edge,nohostname edge;\n" +
		"  return 200 \"replicas{service=\\\"web\\\"} 0\\n\"; # replicas of web\n" +
		"  # return 200 \"replicas 0\\n\"; # replicas of web\n}\n"
	for name, test := range map[string]struct {
		edge []string
		want string
	}{
		"one":  {[]string{"10.0.0.4"}, "  access_log syslog:server=10.0.0.4:5140,tag=edge,nohostname edge; # ours\n"},
		"two":  {[]string{"10.0.0.4", "10.0.0.5"}, "  access_log syslog:server=10.0.0.4:5140,tag=edge,nohostname edge; # ours\n"},
		"none": {[]string{}, "  # none of edge: access_log syslog:server=edge:5140,tag=edge,nohostname edge; # ours\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := stack.RenderUpstreams(conf, map[string][]string{"edge": test.edge, "web": {"10.0.0.2", "10.0.0.3"}})
			want := strings.Replace(conf, "  access_log syslog:server=edge:5140,tag=edge,nohostname edge; # ours\n", test.want, 1)
			want = strings.Replace(want, "} 0", "} 2", 1)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// As the planner does: an address that nobody has is one of the service that the line is named after.
			back := stack.CollapseUpstreams(got, func(address, block string) string {
				if strings.HasPrefix(address, "10.0.0.") {
					return block
				}
				return ""
			})
			if diff := cmp.Diff(conf, back); diff != "" {
				t.Errorf("and back (-want +got):\n%s", diff)
			}
		})
	}
	if got := stack.UpstreamServices(conf); !slices.Contains(got, "edge") {
		t.Errorf("the services behind are %v", got)
	}
}

func TestRenderEmbeddedConf(t *testing.T) {
	conf, err := fs.ReadFile(assets.FS, "nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	got := stack.RenderUpstreams(string(conf), map[string][]string{"web": {"10.0.0.2", "10.0.0.3"}, "nginx": {"10.0.0.4"}})
	const line = "        server web:5002 max_fails=3 fail_timeout=2s;\n"
	want := strings.Replace(string(conf), line, strings.Replace(line, "web", "10.0.0.2", 1)+strings.Replace(line, "web", "10.0.0.3", 1), 1)
	if diff := cmp.Diff(want, got); diff != "" || want == string(conf) {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRenderUpstreams(f *testing.F) {
	f.Add("upstream web {\n  server web:80 weight=1; # x\n}\n", "web", "10.0.0.2")
	f.Add("upstream web\n{\n  server web;\n}", "web", "10.0.0.2")
	f.Add("upstream web {\r\n\tserver web:5002;\r\n}\r\n", "web", "")
	f.Fuzz(func(t *testing.T, conf, service, address string) {
		if same := stack.RenderUpstreams(conf, nil); same != conf {
			t.Fatalf("without addresses %q became %q", conf, same)
		}
		if strings.ContainsAny(address, "\r\n") { // no address does
			return
		}
		once := stack.RenderUpstreams(conf, map[string][]string{service: {address}})
		if strings.Count(once, "\n") < strings.Count(conf, "\n") {
			t.Fatalf("lines got lost: %q became %q", conf, once)
		}
		// A name in the place of a name: rendering is undone by rendering the other way round, if no line had it before.
		if strings.Contains(conf, "other-name") || once == conf {
			return
		}
		there := stack.RenderUpstreams(conf, map[string][]string{service: {"other-name"}})
		if back := stack.RenderUpstreams(there, map[string][]string{"other-name": {service}}); strings.TrimSuffix(back, "\n") != strings.TrimSuffix(conf, "\n") {
			t.Fatalf("%q became %q and then %q", conf, there, back)
		}
		twice := stack.RenderUpstreams(conf, map[string][]string{service: {address, address}})
		if strings.Count(twice, "\n") < strings.Count(once, "\n") {
			t.Fatalf("two replicas made no more lines than one: %q, %q", once, twice)
		}
	})
}

func TestCollapseUpstreamsIsTheWayBack(t *testing.T) {
	const conf = "upstream web {\n\tserver web:5002 max_fails=3; # all\n\tserver api:80;\n\tserver 10.9.9.9:80;\n\tkeepalive 8;\n}\nserver {\n\tserver 10.0.0.2;\n}\n"
	addresses := map[string][]string{"web": {"10.0.0.2", "10.0.0.3"}, "api": {"10.0.0.4"}}
	services := map[string]string{"10.0.0.2": "web", "10.0.0.4": "api", "10.0.0.5": "gone"}
	whose := func(address, block string) string {
		if block == "web" && address == "10.0.0.3" {
			return "web"
		}
		return services[address]
	}
	if got := stack.CollapseUpstreams(stack.RenderUpstreams(conf, addresses), whose); got != conf {
		t.Errorf("got\n%s", got)
	}
	if got := stack.CollapseUpstreams(stack.RenderUpstreams(conf, map[string][]string{"web": {}}), whose); got != conf {
		t.Errorf("without a replica: got\n%s", got)
	}
	if got := stack.RenderUpstreams(conf, map[string][]string{"web": {}}); !strings.Contains(got, "\tserver 192.0.2.1:5002 max_fails=3 down; # all\n") {
		t.Errorf("without a replica: got\n%s", got)
	}
	if got := stack.UpstreamServices(conf); !slices.Equal(got, []string{"web", "api", "10.9.9.9"}) {
		t.Errorf("services %v", got)
	}
}
