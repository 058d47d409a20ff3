// Package waf measures what the firewall costs: processor time for a request, beside nginx without one and beside ModSecurity in nginx.
package waf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/bench/rig"
)

const reading = `- Processor time, user and system, of the measured process alone, from /proc; the client and the upstream, which answers at once, are in the benchmark's own process. No containers: everything listens on 127.0.0.1.
- stackctl is ` + "`stackctl waf`" + ` as its overlay runs it (GOMAXPROCS=1, paranoia level 1, blocking, responses inspected), with the headers that nginx adds. A request passes nginx too, twice.
- ModSecurity is nginx with Debian's module and rules (paranoia level 1, blocking, bodies and responses inspected, no audit log), less what nginx without it takes in the same run.
- Each request is sent 300 times before it is measured 3,000 times, the form 1,000 times, by two clients that keep their connections.
`

const (
	modSecurity = "ModSecurity"
	plain       = "nginx alone"
	micro       = report.Unit("us")
)

// kind is a request that is measured.
type kind struct {
	key, title string
	times      int
	body       string
	header     []string
}

var chrome = []string{
	"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"sec-ch-ua", `"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`, "sec-ch-ua-mobile", "?0", "sec-ch-ua-platform", `"Linux"`,
	"Upgrade-Insecure-Requests", "1", "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
	"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-User", "?1", "Sec-Fetch-Dest", "document",
	"Accept-Encoding", "gzip, deflate, br, zstd", "Accept-Language", "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "Cache-Control", "max-age=0",
}

func kinds() []kind {
	form := "name=Ada+Lovelace&mail=ada%40example.org&text=" + strings.Repeat("A+line+of+text.+", 60)
	return []kind{
		{"curl", "curl's `GET /count`", 3000, "", []string{"User-Agent", "curl/8.14.1", "Accept", "*/*"}},
		{"browser", "a browser's `GET /count`", 3000, "", chrome},
		{"form", "a browser's form of 1 KiB", 1000, form, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, chrome...)},
	}
}

// contender is a running process before the upstream.
type contender struct {
	name, addr string
	header     []string
	spent      func() (time.Duration, error) // its processor time so far
	stop       func()
}

// Measure makes the section. modsecurity is the root of Debian's packages with the module and its rules; where it is not there, the
// column is left out, with the reason.
func Measure(ctx context.Context, r *rig.Rig, modsecurity string) (report.Section, error) {
	section := r.Section(ctx, "waf", "The firewall", reading)
	table := &report.Table{Runs: r.Runs, Columns: []report.Column{{Name: report.Stackctl}, {Name: modSecurity}, {Name: plain}}}
	for _, k := range kinds() {
		table.Rows = append(table.Rows, report.NewRow(k.key, k.title, micro, report.OfRival(0.75, modSecurity)))
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 64<<10))
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "This page has been visited 7 times.")
	}))
	defer upstream.Close()
	contenders, skipped, err := start(ctx, r, strings.TrimPrefix(upstream.URL, "http://"), modsecurity)
	defer func() {
		for _, c := range contenders {
			c.stop()
		}
	}()
	if err != nil {
		return section, err
	}
	if skipped != nil {
		table.Skipped = append(table.Skipped, modSecurity+": "+skipped.Error())
	}
	for i := range r.Runs {
		for _, k := range kinds() {
			fmt.Fprintf(r.Progress, "run %d of %d:", i+1, r.Runs)
			base := 0.0
			for _, c := range contenders {
				spent, err := c.measure(ctx, k)
				if err != nil {
					return section, fmt.Errorf("sending %s through %s: %w", k.title, c.name, err)
				}
				switch c.name {
				case plain:
					base = spent
				case modSecurity:
					spent -= base
				}
				fmt.Fprint(r.Progress, " "+c.name, table.Record(k.key, c.name, spent))
			}
			fmt.Fprintln(r.Progress)
		}
	}
	section.Body = table.String()
	return section, nil
}

// start starts the contenders, of which nginx alone is the first.
func start(ctx context.Context, r *rig.Rig, upstream, modsecurity string) (started []*contender, skipped, err error) {
	for _, begin := range []func() (*contender, error){
		func() (*contender, error) { return startNginx(ctx, r, upstream, modsecurity, false) },
		func() (*contender, error) { return startNginx(ctx, r, upstream, modsecurity, true) },
		func() (*contender, error) { return startWAF(ctx, r, upstream) },
	} {
		c, err := begin()
		if errors.Is(err, errNotThere) {
			skipped = err
			continue
		}
		if err != nil {
			return started, skipped, err
		}
		started = append(started, c)
	}
	return started, skipped, nil
}

// measure returns the processor time of a request, in microseconds.
func (c *contender) measure(ctx context.Context, k kind) (float64, error) {
	if err := c.send(ctx, k, 300); err != nil {
		return 0, err
	}
	before, err := c.spent()
	if err != nil {
		return 0, err
	}
	if err := c.send(ctx, k, k.times); err != nil {
		return 0, err
	}
	after, err := c.spent()
	return float64((after - before).Microseconds()) / float64(k.times), err
}

func (c *contender) send(ctx context.Context, k kind, times int) error {
	const clients = 2
	group, ctx := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error {
			transport := &http.Transport{DisableCompression: true}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
			for range times / clients {
				if err := c.ask(ctx, client, k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *contender) ask(ctx context.Context, client *http.Client, k kind) error {
	method := http.MethodGet
	var body io.Reader = http.NoBody
	if k.body != "" {
		method, body = http.MethodPost, strings.NewReader(k.body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.addr+"/count", body)
	if err != nil {
		return err
	}
	req.Host = "localhost"
	for _, header := range [][]string{k.header, c.header} {
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", resp.Status)
	}
	return nil
}
