package live

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// newBrowser starts a Chromium of the test's own. Without one the test is skipped, but not in CI.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("CI needs Debian's package chromium: %v", err)
	}
	if err != nil {
		t.Skipf("Debian's package chromium is not installed: %v", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU, chromedp.WindowSize(900, 760),
		chromedp.WSURLReadTimeout(patienceOfTests))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses to run as root
	}
	ctx, cancelAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		end, done := context.WithTimeout(ctx, patienceOfTests)
		defer done()
		if err := chromedp.Cancel(end); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		cancel()
		cancelAll()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	return ctx
}

// tab is one page of the browser, and what its console said.
type tab struct {
	*testing.T
	ctx      context.Context
	mu       sync.Mutex
	messages []string
}

func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*patienceOfTests)
	b := &tab{T: t, ctx: ctx}
	console := chromedp.Console(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for m, err := range console {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.messages = append(b.messages, m.String())
			b.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		cancel()
		listening.Wait()
		closeTab()
	})
	return b
}

func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatalf("%s: %v (console: %q)", what, err, b.console())
	}
}

// wait waits until a condition in JavaScript holds.
func (b *tab) wait(condition string) {
	b.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingInterval(50*time.Millisecond),
		chromedp.WithPollingTimeout(patienceOfTests))); err != nil {
		b.Fatalf("waiting for %s: %v (page: %q, console: %q)", condition, err, b.text("main"), b.console())
	}
}

func (b *tab) eval(expression string) string {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.Fatalf("evaluating %s: %v", expression, err)
	}
	return v
}

func (b *tab) text(selector string) string {
	b.Helper()
	return b.eval("document.querySelector('" + selector + "')?.innerText") // a page that is still loading has none
}

func (b *tab) media(name, value string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: name, Value: value}},
	})
	if err != nil {
		b.Fatalf("emulating %s: %v", name, err)
	}
}

func (b *tab) console() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.messages...)
}

func (b *tab) quiet() {
	b.Helper()
	if got := b.console(); len(got) > 0 {
		b.Errorf("the console says %q", got)
	}
}

const isLive = `document.getElementById("status").textContent === "live"`

func shows(count string) string {
	return `document.getElementById("count").textContent === "` + count + `"`
}

func TestBrowser(t *testing.T) {
	browser := newBrowser(t)
	count := &fakeCount{}
	count.n.Store(9007199254740992)
	page := newPage(t, count)
	run(t, page)
	srv := serve(t, page, nil)

	t.Run("the count moves, pause stops it", func(t *testing.T) {
		b := newTab(t, browser)
		b.do("opening the page", chromedp.Navigate(srv.URL))
		b.wait(isLive)
		b.wait(shows("9,007,199,254,740,992"))
		b.eval("window.marked = 1") // gone after a reload
		count.n.Add(1)
		b.wait(shows("9,007,199,254,740,993"))
		b.wait(`document.getElementById("rate").textContent !== "–" && document.getElementById("chart").getAttribute("d") !== ""`)
		if got := b.eval("window.marked"); got != "1" {
			t.Error("the page was loaded again")
		}
		if got := b.eval(`document.getElementById("count").value`); got != "9007199254740993" {
			t.Errorf("the raw count is %q", got)
		}
		b.do("pausing", chromedp.Click(chromedp.ID("pause")))
		awaitViewers(t, page, 0)
		if got := b.text("#status") + ", " + b.text("#pause"); got != "paused, Resume" {
			t.Errorf("the paused page says %q", got)
		}
		count.n.Add(1)
		time.Sleep(2 * idlePoll) // nothing can be waited for where nothing may happen
		if got := b.text("#count"); got != "9,007,199,254,740,993" {
			t.Errorf("the paused page moved to %q", got)
		}
		b.do("resuming", chromedp.Click(chromedp.ID("pause")))
		b.wait(shows("9,007,199,254,740,994"))
		b.quiet()
	})

	t.Run("keyboard", func(t *testing.T) {
		b := newTab(t, browser)
		b.do("opening the page", chromedp.Navigate(srv.URL))
		b.wait(isLive)
		b.do("pressing Tab", chromedp.KeyEvent("\t"))
		if got := b.eval("document.activeElement.id"); got != "pause" {
			t.Fatalf("Tab reaches %q", got)
		}
		if got := b.eval("getComputedStyle(document.activeElement).outlineStyle"); got != "solid" {
			t.Errorf("the focus is not to be seen: outline %q", got)
		}
		b.do("pressing space", chromedp.KeyEvent(" "))
		b.wait(`document.getElementById("status").textContent === "paused"`)
		b.do("pressing Enter", chromedp.KeyEvent("\r"))
		b.wait(isLive)
		b.quiet()
	})

	t.Run("dark, light and calm", func(t *testing.T) {
		b := newTab(t, browser)
		background := "getComputedStyle(document.body).backgroundColor"
		b.media("prefers-color-scheme", "light")
		b.do("opening the page", chromedp.Navigate(srv.URL))
		b.wait(isLive)
		light, moving := b.eval(background), b.eval(`getComputedStyle(document.getElementById("status"), "::before").animationName`)
		b.media("prefers-color-scheme", "dark")
		if dark := b.eval(background); light != "rgb(246, 248, 250)" || dark != "rgb(15, 20, 26)" {
			t.Errorf("background %s in light, %s in dark", light, dark)
		}
		b.media("prefers-reduced-motion", "reduce")
		if calm := b.eval(`getComputedStyle(document.getElementById("status"), "::before").animationName`); moving != "pulse" || calm != "none" {
			t.Errorf("animation %q, with reduced motion %q", moving, calm)
		}
		b.quiet()
	})

	t.Run("an outage in words", func(t *testing.T) {
		b := newTab(t, browser)
		b.do("opening the page", chromedp.Navigate(srv.URL))
		b.wait(isLive)
		count.down.Store(true)
		b.wait(`document.getElementById("status").textContent === "Redis is unavailable"`)
		count.down.Store(false)
		b.wait(isLive)
		b.quiet()
	})

	t.Run("a page that nobody sees leaves", func(t *testing.T) {
		b := newTab(t, browser)
		b.do("opening the page", chromedp.Navigate(srv.URL))
		b.wait(isLive)
		hide := func(hidden string) {
			b.eval(`Object.defineProperty(document, "hidden", {configurable: true, value: ` + hidden + `})`)
			b.eval(`document.dispatchEvent(new Event("visibilitychange"))`)
		}
		hide("true")
		awaitViewers(t, page, 0)
		count.n.Store(77)
		hide("false")
		b.wait(shows("77"))
		b.quiet()
	})

	t.Run("without a history there is one range", func(t *testing.T) {
		b := newTab(t, browser)
		b.do("opening the page", chromedp.Navigate(srv.URL))
		b.wait(isLive)
		if got := b.eval(`document.getElementById("ranges").hidden`); got != "true" {
			t.Error("the page offers ranges of a history that there is not")
		}
		b.quiet()
	})

	t.Run("ranges", func(t *testing.T) {
		archive := &fakeArchive{}
		b := newTab(t, browser)
		b.do("opening the page", chromedp.Navigate(serveWith(t, newPage(t, count), archive.past(t), nil).URL))
		b.wait(`!document.getElementById("ranges").hidden`)
		choose := func(name string) {
			b.eval(`document.getElementById("range").value = "` + name + `"`)
			b.eval(`document.getElementById("range").dispatchEvent(new Event("change"))`)
		}
		summary := func(text string) string { return `document.getElementById("summary").textContent === "` + text + `"` }
		choose("1h")
		b.wait(summary("1,502 visits in the last hour, at most 1,500 per minute. 2 of them are not yet in the history, and are shown as the newest."))
		if got := b.text("#caption") + ", " + b.text("#begin") + ", " + b.text("#top"); got != "Visits per minute, the last hour, 1 hour ago, 1,500" {
			t.Errorf("the chart says %q", got)
		}
		choose("24h")
		b.wait(summary("1,502 visits in the last 24 hours, at most 1,502 in 5 minutes. 2 of them are not yet in the history, and are shown as the newest."))
		archive.down.Store(true)
		choose("30d")
		b.wait(summary("The history is not available; 2 visits wait for it."))
		choose("")
		b.wait(`document.getElementById("caption").textContent === "Visits per second, the last 5 minutes"`)
	})

	t.Run("without a script", func(t *testing.T) {
		b := newTab(t, browser)
		b.noScript()
		b.do("opening the page", chromedp.Navigate(srv.URL))
		if got := b.text("h1"); got != "Welcome to the CoderCo Container Challenge" {
			t.Errorf("h1 %q", got)
		}
		if b.eval("document.getElementById('pause').hidden") != "true" {
			t.Error("a button that does nothing is shown")
		}
		count.n.Store(4321)
		deadline := time.Now().Add(patienceOfTests)
		for b.text("#count") != "4,321" { // the page loads itself again
			if time.Now().After(deadline) {
				t.Fatalf("the page without a script shows %q", b.text("main"))
			}
			time.Sleep(200 * time.Millisecond)
		}
		b.quiet()
	})

	t.Run("the policy is in force", func(t *testing.T) {
		b := newTab(t, browser)
		b.do("opening the page", chromedp.Navigate(srv.URL))
		b.wait(isLive)
		b.eval(`document.body.insertAdjacentHTML("beforeend", "<p id=red style='color: red'>red</p>")`)
		b.eval(`document.body.appendChild(Object.assign(document.createElement("script"), {textContent: "window.foreign = 1"}))`)
		if got := b.eval("window.foreign") + getColor(b); got != "undefined, same" {
			t.Errorf("a foreign script and style: %s", got)
		}
		deadline := time.Now().Add(patienceOfTests)
		for len(b.console()) < 2 { // proves that the other tests would see a violation
			if time.Now().After(deadline) {
				t.Fatalf("the console says only %q", b.console())
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

func getColor(b *tab) string {
	if b.eval(`getComputedStyle(document.getElementById("red")).color`) == b.eval("getComputedStyle(document.body).color") {
		return ", same"
	}
	return ", red"
}

// noScript turns scripts off for what the tab opens from now on.
func (b *tab) noScript() {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		b.Fatalf("turning scripts off: %v", err)
	}
}

// A replica that is stopped ends its streams. The page says so, and goes on with what the next one tells.
func TestBrowserReconnects(t *testing.T) {
	browser := newBrowser(t)
	var current atomic.Pointer[Page]
	replica := func(n int64) *Page {
		count := &fakeCount{}
		count.n.Store(n)
		p := newPage(t, count)
		run(t, p)
		return p
	}
	first := replica(11)
	current.Store(first)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := current.Load(); {
		case p == nil:
			http.Error(w, "Bad Gateway", http.StatusBadGateway)
		case r.URL.Path == "/events":
			p.Events(w, r)
		case r.URL.Path == "/history":
			w.WriteHeader(http.StatusNoContent)
		default:
			p.Index(w, r)
		}
	}))
	b := newTab(t, browser)
	b.do("opening the page", chromedp.Navigate(srv.URL))
	b.wait(shows("11"))
	current.Store(nil)
	first.Close()
	b.wait(`document.getElementById("status").textContent === "reconnecting"`)
	awaitConsole(b) // after a 502 the browser gives up: from here on it is the page that tries again
	second := replica(22)
	current.Store(second)
	b.wait(shows("22") + " && " + isLive)
	second.Close()
	srv.CloseClientConnections()
	srv.Close()
}

// awaitConsole waits until the browser has complained of an answer.
func awaitConsole(b *tab) {
	b.Helper()
	deadline := time.Now().Add(patienceOfTests)
	for len(b.console()) == 0 {
		if time.Now().After(deadline) {
			b.Fatal("the page did not try again")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestScreenshot writes the picture in docs/: STACKCTL_SCREENSHOT=FILE go test -run TestScreenshot ./internal/server/live
func TestScreenshot(t *testing.T) {
	file := os.Getenv("STACKCTL_SCREENSHOT")
	if file == "" {
		t.Skip("STACKCTL_SCREENSHOT names no file")
	}
	p := newPage(t, &fakeCount{})
	tr := &track{status: starting}
	count, now := int64(1_204_311), time.Now()
	for second := range 301 {
		i := float64(second)
		tr.observe(now, count, nil)
		now = now.Add(time.Second)
		count += int64(300 + 160*math.Sin(i/23) + 70*math.Sin(i/7) + 40*math.Sin(i*i))
	}
	p.publish(*tr, now)
	srv := serve(t, p, nil)
	b := newTab(t, newBrowser(t))
	b.media("prefers-color-scheme", os.Getenv("STACKCTL_SCREENSHOT_SCHEME")) // light or dark
	b.do("opening the page", chromedp.EmulateViewport(900, 690, chromedp.EmulateScale(2)), chromedp.Navigate(srv.URL))
	b.wait(isLive)
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
