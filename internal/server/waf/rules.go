package waf

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/debuglog"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/types"

	"stackctl.dev/stackctl/internal/server/waf/rx"
)

const (
	// maxBody bounds the bodies that are inspected, in bytes. It is the limit of nginx and of the web tier too.
	maxBody = 64 << 10
	// maxExclusions bounds the file of exclusions, in bytes.
	maxExclusions = 256 << 10
)

// engine is what Coraza's recommended configuration says, without files: bodies are at most maxBody and stay in memory, the audit log
// is off, and this package writes the log. The placeholders are the engine's mode, twice the limit, On or Off for responses, and the limit.
const engine = `
SecRuleEngine %s
SecAuditEngine Off
SecRequestBodyAccess On
SecRequestBodyLimit %d
SecRequestBodyInMemoryLimit %d
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit 128
SecResponseBodyAccess %s
SecResponseBodyMimeType text/plain text/html text/xml
SecResponseBodyLimit %d
SecResponseBodyLimitAction ProcessPartial
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "^application/[a-z0-9.-]+[+]json" "id:200006,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.',logdata:'%%{reqbody_error_msg}',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'Multipart request body failed strict validation.',severity:2"
`

// settings are those of the rule set. The placeholder is the paranoia level.
//
// The methods are all that a web service may have: one that it has not gets its own 405, not a 403 from here. A numeric Host scores
// (rule 920350), except on loopback, where everyone who tries a stack on their own machine has one.
const settings = `
SecAction "id:10000,phase:1,pass,nolog,t:none,setvar:tx.blocking_paranoia_level=%d,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'"
SecRule REQUEST_HEADERS:Host "@rx ^(?:127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\])(?::[0-9]{1,5})?$" "id:10001,phase:1,pass,nolog,t:none,ctl:ruleRemoveById=920350"
`

// rules are the loaded rules, safe for concurrent use.
type rules struct{ coraza.WAF }

// count returns the number of rules.
func (r *rules) count() int {
	counted, ok := r.WAF.(experimental.WAFWithRules)
	if !ok {
		return 0
	}
	return counted.RulesCount()
}

// loadRules reads the embedded rule set and the exclusions. matched, which tests set, is called for every match that a rule logs.
func loadRules(cfg Config, matched func(types.MatchedRule), extra ...string) (*rules, error) {
	before, after, err := readExclusions(cfg.Exclusions)
	if err != nil {
		return nil, err
	}
	all := append([]string{directives(cfg)}, extra...)
	own, err := newRules(matched, append(all, before, "Include @owasp_crs/*.conf", after)...)
	if err == nil {
		return own, nil
	}
	if cfg.Exclusions != "" { // whose fault is it?
		if _, without := newRules(matched, append(all, "Include @owasp_crs/*.conf")...); without == nil {
			return nil, fmt.Errorf("reading the exclusions %q (WAF_EXCLUSIONS): %w", cfg.Exclusions, err)
		}
	}
	return nil, fmt.Errorf("loading the rules (the tier needs a writable folder for temporary files, such as a tmpfs on /tmp): %w", err)
}

// registerOperators is not done when the program starts, which is no WAF most of the time.
var registerOperators = sync.OnceFunc(func() { plugins.RegisterOperator("rx", rx.New) })

func newRules(matched func(types.MatchedRule), parts ...string) (*rules, error) {
	registerOperators()
	config := coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDebugLogger(debuglog.Noop())
	if matched != nil {
		config = config.WithErrorCallback(matched)
	}
	for _, part := range parts {
		if part != "" {
			config = config.WithDirectives(part)
		}
	}
	w, err := coraza.NewWAF(config)
	if err != nil {
		return nil, err
	}
	return &rules{w}, nil
}

func directives(cfg Config) string {
	mode, responses := "On", "Off"
	if cfg.Mode == ModeDetect {
		mode = "DetectionOnly"
	}
	if cfg.Responses {
		responses = "On"
	}
	// One more than there can be: Coraza rejects a body that reaches the limit.
	return fmt.Sprintf(engine, mode, maxBody+1, maxBody+1, responses, maxBody+1) + "Include @crs-setup.conf.example\n" + fmt.Sprintf(settings, cfg.Paranoia)
}

// readExclusions reads a file of directives and splits it. What removes or changes rules of the rule set must follow it; everything
// else, such as a SecRule that switches a rule off for one path, must come before.
func readExclusions(path string) (before, after string, err error) {
	if path == "" {
		return "", "", nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", "", fmt.Errorf("reading the exclusions (WAF_EXCLUSIONS): %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxExclusions+1))
	if err != nil {
		return "", "", fmt.Errorf("reading the exclusions (WAF_EXCLUSIONS): %w", err)
	}
	if len(content) > maxExclusions {
		return "", "", fmt.Errorf("reading the exclusions %q (WAF_EXCLUSIONS): they are longer than %d bytes", path, maxExclusions)
	}
	before, after = splitExclusions(string(content))
	return before, after, nil
}

func splitExclusions(text string) (before, after string) {
	part := &before
	continued := false
	for line := range strings.Lines(text) {
		word := strings.ToLower(strings.TrimSpace(line))
		if !continued {
			part = &before
			if strings.HasPrefix(word, "secruleremove") || strings.HasPrefix(word, "secruleupdate") {
				part = &after
			}
		}
		*part += line
		continued = strings.HasSuffix(word, `\`) && !strings.HasPrefix(word, "#")
	}
	return strings.TrimSpace(before), strings.TrimSpace(after)
}
