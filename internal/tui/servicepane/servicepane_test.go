package servicepane

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func container(service string, number int, state string, cpu float64) watch.Container {
	var c watch.Container
	c.ID, c.Name = fmt.Sprintf("%s%d", service, number), fmt.Sprintf("p-%s-%d", service, number)
	c.Service, c.Number, c.State, c.Image = service, number, state, "image/"+service
	c.StartedAt = now.Add(-time.Duration(number) * time.Hour)
	if state == "running" {
		c.Usage = &watch.Usage{CPU: cpu, Memory: 12 << 20, MemoryLimit: 128 << 20}
	}
	return c
}

func pane() *Pane {
	p := New("2 services", keys.Default(), func() time.Time { return now })
	p.set([]watch.Container{container("nginx", 1, "running", 3), container("redis", 1, "running", 9), container("web", 1, "exited", 0), container("web", 2, "running", 40)}, false)
	return p
}

// press sends keys, named as bubbletea names them.
func press(p *Pane, names ...string) (last tea.Cmd) {
	for _, name := range names {
		last, _ = p.Update(tuitest.Press(name))
	}
	return last
}

func names(p *Pane) string {
	var names []string
	for _, c := range p.shown {
		names = append(names, c.ID)
	}
	return strings.Join(names, " ")
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		keys     string
		rows     string
		selected string
	}{
		{"", "nginx1 redis1 web1 web2", "nginx1"},
		{"j down", "nginx1 redis1 web1 web2", "web1"},
		{"j j j j j k", "nginx1 redis1 web1 web2", "web1"},
		{"G", "nginx1 redis1 web1 web2", "web2"},
		{"G g", "nginx1 redis1 web1 web2", "nginx1"},
		{"/ w e b enter", "web1 web2", "web1"},
		{"/ w e b backspace esc", "nginx1 redis1 web1 web2", "web1"},
		{"/ e x i t e d enter", "web1", "web1"},
		{"/ w e b enter esc", "nginx1 redis1 web1 web2", "web1"},
		{"/ q r x enter", "", ""},
		{"s s", "web1 nginx1 redis1 web2", "nginx1"},   // by CPU
		{"s s S", "web2 redis1 nginx1 web1", "nginx1"}, // the highest first; the cursor stays on its row
	} {
		p := pane()
		press(p, strings.Fields(c.keys)...)
		selected, _ := p.Selected()
		if names(p) != c.rows || selected.ID != c.selected {
			t.Errorf("after %q: rows %q, selected %q; want %q, %q", c.keys, names(p), selected.ID, c.rows, c.selected)
		}
	}
}

func TestAsks(t *testing.T) {
	for name, verb := range map[string]Verb{"enter": Details, "r": Restart, "x": Stop, "a": Start, "+": More, "-": Fewer, "e": Shell, "l": Logs} {
		p := pane()
		cmd := press(p, "G", name)
		if cmd == nil {
			t.Errorf("%s asks for nothing", name)
			continue
		}
		if ask := cmd().(Ask); ask.Verb != verb || ask.Container.ID != "web2" {
			t.Errorf("%s asks to %s %s", name, ask.Verb, ask.Container.ID)
		}
	}
	p := pane()
	p.set(nil, false)
	if press(p, "x") != nil {
		t.Error("something is stopped where there is nothing")
	}
}

func TestTheCursorStaysOnItsContainer(t *testing.T) {
	p := pane()
	press(p, "G")
	p.set([]watch.Container{container("aaa", 1, "running", 0), container("web", 2, "running", 0)}, false)
	if c, _ := p.Selected(); c.ID != "web2" {
		t.Errorf("the cursor is on %q", c.ID)
	}
	p.set([]watch.Container{container("aaa", 1, "running", 0)}, false)
	if c, _ := p.Selected(); c.ID != "aaa1" {
		t.Errorf("the container is gone, and the cursor on %q", c.ID)
	}
}

func TestAClickChoosesARowOrSorts(t *testing.T) {
	p := pane()
	_ = p.View(tuitest.Themes().Dark, 100, 12, true)
	p.Update(tea.MouseClickMsg{X: 5, Y: 3})
	if c, _ := p.Selected(); c.ID != "web1" {
		t.Errorf("a click on the third row chooses %q", c.ID)
	}
	p.Update(tea.MouseClickMsg{X: lead + 15 + 17 + 3, Y: 0})
	if columns[p.sortBy].title != "CPU" {
		t.Errorf("a click on CPU sorts by %s", columns[p.sortBy].title)
	}
}

func TestViewHasItsSizeAndNoForeignControls(t *testing.T) {
	hostile := container("web\x1b]0;title\x07", 1, "running", 1)
	hostile.Image = "a\x1b[2J\u202eimage👍"
	rapid.Check(t, func(t *rapid.T) {
		p := pane()
		p.set(append(p.all, hostile), rapid.Bool().Draw(t, "stale"))
		width, height := rapid.IntRange(0, 220).Draw(t, "width"), rapid.IntRange(0, 40).Draw(t, "height")
		rows := strings.Split(p.View(tuitest.Themes().Light, width, height, rapid.Bool().Draw(t, "focused")), "\n")
		for _, row := range rows {
			if height > 0 && draw.Width(row) != width || len(rows) != max(height, 1) {
				t.Fatalf("%dx%d: %d rows, %q", width, height, len(rows), ansi.Strip(row))
			}
			if strings.ContainsAny(ansi.Strip(row), "\x1b\x07\u202e") {
				t.Fatalf("controls in %q", row)
			}
		}
	})
}

func TestState(t *testing.T) {
	unhealthy := container("web", 1, "running", 0)
	unhealthy.Health = "unhealthy"
	oom := container("web", 1, "exited", 0)
	oom.OOMKilled, oom.ExitCode = true, 137
	killed := container("web", 1, "exited", 0)
	killed.ExitCode = 137
	for want, c := range map[string]watch.Container{
		"running": container("web", 1, "running", 0), "unhealthy": unhealthy, "out of memory": oom, "exited (137)": killed, "paused": container("web", 1, "paused", 0),
	} {
		if got := State(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
