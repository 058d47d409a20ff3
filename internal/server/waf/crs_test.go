package waf

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"github.com/corazawaf/coraza/v3/types"
	"go.yaml.in/yaml/v4"

	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// crsFile is a file of the rule set's own regression tests, in the format of github.com/coreruleset/go-ftw.
type crsFile struct {
	RuleID int `yaml:"rule_id"`
	Tests  []struct {
		TestID int        `yaml:"test_id"`
		Stages []crsStage `yaml:"stages"`
	} `yaml:"tests"`
}

type crsStage struct {
	Input struct {
		Method         *string           `yaml:"method"`
		URI            *string           `yaml:"uri"`
		Version        *string           `yaml:"version"`
		Headers        map[string]string `yaml:"headers"`
		Data           string            `yaml:"data"`
		EncodedRequest string            `yaml:"encoded_request"`
		Autocomplete   *bool             `yaml:"autocomplete_headers"`
	} `yaml:"input"`
	Output struct {
		Status           int    `yaml:"status"`
		ResponseContains string `yaml:"response_contains"`
		ExpectError      *bool  `yaml:"expect_error"`
		Log              struct {
			ExpectIDs    []int  `yaml:"expect_ids"`
			NoExpectIDs  []int  `yaml:"no_expect_ids"`
			MatchRegex   string `yaml:"match_regex"`
			NoMatchRegex string `yaml:"no_match_regex"`
		} `yaml:"log"`
	} `yaml:"output"`
}

// crsSettings are those that the tests of the rule set are written for, in addition to paranoia level 4.
const crsSettings = `
SecDefaultAction "phase:3,log,auditlog,pass"
SecDefaultAction "phase:4,log,auditlog,pass"
SecDefaultAction "phase:5,log,auditlog,pass"
SecAction "id:900005,phase:1,nolog,pass,setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,\
  setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"
`

// crsRig is the real handler on a port of its own, before a backend that answers as the tests expect, and what its rules log.
type crsRig struct {
	site *site
	mu   sync.Mutex
	log  map[string]*crsLog // by request id
}

type crsLog struct {
	ids  []int
	text strings.Builder
	over chan struct{} // closed when the tier has logged the request
}

func startCRS(t *testing.T) *crsRig {
	t.Helper()
	rig := &crsRig{log: map[string]*crsLog{}}
	behind := httptest.NewServer(http.HandlerFunc(reflect))
	t.Cleanup(behind.Close)
	cfg := configFor(t, behind.URL, "WAF_MODE", "detect", "WAF_PARANOIA", "4")
	rules, err := loadRules(cfg, rig.matched, crsSettings)
	if err != nil {
		t.Fatal(err)
	}
	rig.site = &site{t: t, log: &tiertest.Log{Flush: func() {}}, client: &http.Client{}}
	rig.site.server = newServer(cfg, rules, slog.New(rig))
	rig.site.serve()
	return rig
}

// of is what was logged for a request; the caller holds the lock.
func (rig *crsRig) of(id string) *crsLog {
	log := rig.log[id]
	if log == nil {
		log = &crsLog{over: make(chan struct{})}
		rig.log[id] = log
	}
	return log
}

func (rig *crsRig) matched(m types.MatchedRule) {
	rig.mu.Lock()
	defer rig.mu.Unlock()
	log := rig.of(m.TransactionID())
	log.ids = append(log.ids, m.Rule().ID())
	log.text.WriteString(m.ErrorLog() + "\n")
}

// The rig is the tier's log, whose line on a request comes last.
var _ slog.Handler = (*crsRig)(nil)

func (rig *crsRig) Enabled(context.Context, slog.Level) bool { return true }
func (rig *crsRig) WithAttrs([]slog.Attr) slog.Handler       { return rig }
func (rig *crsRig) WithGroup(string) slog.Handler            { return rig }

func (rig *crsRig) Handle(_ context.Context, record slog.Record) error {
	if record.Message != "request" {
		return nil
	}
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "request_id" {
			rig.mu.Lock()
			defer rig.mu.Unlock()
			close(rig.of(a.Value.String()).over)
		}
		return true
	})
	return nil
}

// take returns what was logged for a request, once it is over. Without an id net/http has refused it.
func (rig *crsRig) take(id string) (*crsLog, error) {
	if id == "" {
		return &crsLog{}, nil
	}
	rig.mu.Lock()
	log := rig.of(id)
	rig.mu.Unlock()
	select {
	case <-log.over:
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("request %s has no end in the log", id)
	}
	rig.mu.Lock()
	defer rig.mu.Unlock()
	delete(rig.log, id)
	return log, nil
}

// reflect answers with what the request asks for, as the service that the tests are written for does:
// https://github.com/coreruleset/albedo.
func reflect(w http.ResponseWriter, r *http.Request) {
	content, _ := io.ReadAll(r.Body)
	asked := struct {
		Status      int               `json:"status"`
		Headers     map[string]string `json:"headers"`
		Body        string            `json:"body"`
		EncodedBody string            `json:"encodedBody"`
	}{Status: http.StatusOK, Body: "Hello!"}
	if r.URL.Path == "/reflect" {
		if err := json.Unmarshal(content, &asked); err != nil {
			asked.Status, asked.Body = http.StatusBadRequest, err.Error()
		}
	}
	w.Header().Set("Content-Type", "text/plain")
	for name, value := range asked.Headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
	body := []byte(asked.Body)
	if asked.EncodedBody != "" {
		body, _ = base64.StdEncoding.DecodeString(asked.EncodedBody)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(asked.Status)
	_, _ = w.Write(body)
}

// raw is the request as it is sent: these are not requests that net/http would write.
func (s *crsStage) raw() ([]byte, error) {
	in := &s.Input
	if in.EncodedRequest != "" {
		return base64.StdEncoding.DecodeString(in.EncodedRequest)
	}
	or := func(text *string, fallback string) string {
		if text == nil {
			return fallback
		}
		return *text
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", or(in.Method, "GET"), or(in.URI, "/"), or(in.Version, "HTTP/1.1"))
	has := map[string]bool{}
	for name, value := range in.Headers {
		has[strings.ToLower(name)] = true
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	if in.Autocomplete == nil || *in.Autocomplete {
		if !has["connection"] {
			b.WriteString("Connection: close\r\n")
		}
		if in.Data != "" && !has["content-length"] && !has["transfer-encoding"] {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", len(in.Data))
		}
	}
	b.WriteString("\r\n" + in.Data)
	return b.Bytes(), nil
}

// run sends a stage's request and returns what is not as it should be.
func (rig *crsRig) run(s *crsStage) error {
	request, err := s.raw()
	if err != nil {
		return err
	}
	resp, body, err := rig.exchange(request)
	if s.Output.ExpectError != nil && *s.Output.ExpectError {
		if err == nil && resp.StatusCode != http.StatusBadRequest {
			return fmt.Errorf("an error was expected, got %d", resp.StatusCode)
		}
		return nil
	}
	if err != nil {
		return err
	}
	log, err := rig.take(resp.Header.Get("X-Request-Id"))
	if err != nil {
		return err
	}
	out := &s.Output
	if out.Status != 0 && resp.StatusCode != out.Status {
		return fmt.Errorf("got status %d, want %d", resp.StatusCode, out.Status)
	}
	if !strings.Contains(body, out.ResponseContains) {
		return fmt.Errorf("the response lacks %q", out.ResponseContains)
	}
	for _, id := range out.Log.ExpectIDs {
		if !slices.Contains(log.ids, id) {
			return fmt.Errorf("status %d, rule %d did not match, but %v", resp.StatusCode, id, log.ids)
		}
	}
	for _, id := range out.Log.NoExpectIDs {
		if slices.Contains(log.ids, id) {
			return fmt.Errorf("rule %d matched", id)
		}
	}
	if out.Log.MatchRegex != "" && !regexp.MustCompile(out.Log.MatchRegex).MatchString(log.text.String()) {
		return fmt.Errorf("the log does not match %q", out.Log.MatchRegex)
	}
	if out.Log.NoMatchRegex != "" && regexp.MustCompile(out.Log.NoMatchRegex).MatchString(log.text.String()) {
		return fmt.Errorf("the log matches %q", out.Log.NoMatchRegex)
	}
	return nil
}

// exchange sends bytes and reads a response.
func (rig *crsRig) exchange(request []byte) (*http.Response, string, error) {
	conn, err := net.Dial("tcp", rig.site.server.Addr())
	if err != nil {
		return nil, "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write(request); err != nil {
		return nil, "", err
	}
	method, _, _ := bytes.Cut(request, []byte(" "))
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: string(method)})
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return resp, string(content), err
}

var repeated = regexp.MustCompile(`\{\{ "(.)" \| repeat (\d+) \}\}`)

// expand replaces the one template that the tests use.
func expand(data *string) {
	*data = repeated.ReplaceAllStringFunc(*data, func(text string) string {
		m := repeated.FindStringSubmatch(text)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], n)
	})
}

// crsTests reads all tests, by their names such as 920100-4, in order.
func crsTests(t *testing.T) (names []string, stages map[string][]crsStage) {
	t.Helper()
	stages = map[string][]crsStage{}
	err := fs.WalkDir(tests.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tests.FS, path)
		if err != nil {
			return err
		}
		var file crsFile
		if err := yaml.Unmarshal(content, &file); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, test := range file.Tests {
			for i := range test.Stages {
				expand(&test.Stages[i].Input.Data)
			}
			name := fmt.Sprintf("%d-%d", file.RuleID, test.TestID)
			names = append(names, name)
			stages[name] = test.Stages
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, stages
}

// differences reads testdata/crs-differences.txt: a test's name and the reason why it may fail.
func differences(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile("testdata/crs-differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, _ := strings.Cut(line, " ")
		if reason = strings.TrimSpace(reason); reason == "" {
			t.Errorf("testdata/crs-differences.txt: %s has no reason", name)
		}
		reasons[name] = reason
	}
	return reasons
}

// TestCoreRuleSet runs the rule set's own regression tests, or with the race detector every sixth and all in the list of differences. What
// fails must be in that list, and what is in it must fail.
func TestCoreRuleSet(t *testing.T) {
	if testing.Short() {
		t.Skip("the 4,674 regression tests of the Core Rule Set are skipped by -short")
	}
	names, stages := crsTests(t)
	reasons := differences(t)
	if len(names) < 4600 {
		t.Fatalf("only %d tests were found", len(names))
	}
	all := len(names)
	index := -1
	names = slices.DeleteFunc(names, func(name string) bool {
		index++
		return index%sampled != 0 && reasons[name] == ""
	})
	rig := startCRS(t)
	var mu sync.Mutex
	failed := map[string]error{}
	next := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for name := range next {
				for i := range stages[name] {
					if err := rig.run(&stages[name][i]); err != nil {
						mu.Lock()
						failed[name] = err
						mu.Unlock()
						break
					}
				}
			}
		})
	}
	for _, name := range names {
		select {
		case next <- name:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	for _, name := range names {
		switch err, reason := failed[name], reasons[name]; {
		case err != nil && reason == "":
			t.Errorf("%s: %v", name, err)
		case err == nil && reason != "":
			t.Errorf("%s passes: take it out of testdata/crs-differences.txt, which says %q", name, reason)
		}
		delete(reasons, name)
	}
	for name := range reasons {
		t.Errorf("testdata/crs-differences.txt: there is no test %s", name)
	}
	t.Logf("%d of %d tests passed; there are %d", len(names)-len(failed), len(names), all)
}

// TestDifferencesThatAreAnswered400 is about the requests that no rule of the set reports, because they cannot be parsed.
func TestDifferencesThatAreAnswered400(t *testing.T) {
	_, stages := crsTests(t)
	rig := &crsRig{site: startSite(t, http.HandlerFunc(hello))}
	for name, reason := range differences(t) {
		if !strings.HasSuffix(reason, "is answered 400") {
			continue
		}
		request, err := stages[name][0].raw()
		if err != nil {
			t.Fatal(err)
		}
		if resp, _, err := rig.exchange(request); err != nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s got %v, %v", name, resp, err)
		}
	}
}
