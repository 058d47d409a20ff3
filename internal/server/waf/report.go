package waf

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/coraza/v3/types/variables"

	"stackctl.dev/stackctl/internal/server/tier"
)

const (
	// maxMatched bounds the part of a request that a line of the log shows, in bytes.
	maxMatched = 128
	// maxRules bounds how many rules a line names.
	maxRules = 16
)

// logMatches writes the line on a request in which rules found something: the first of them with its words and the part that it
// matched, and the numbers of all.
func logMatches(log *slog.Logger, x *exchange, r *http.Request, verdict string, matches []types.MatchedRule, score int, took time.Duration) {
	first := matches[0]
	var rules []int
	for _, m := range matches[:min(len(matches), maxRules)] {
		rules = append(rules, m.Rule().ID())
	}
	level := slog.LevelInfo
	if verdict == verdictBlocked {
		level = slog.LevelWarn
	}
	log.LogAttrs(context.WithoutCancel(r.Context()), level, "attack",
		slog.String("request_id", x.id),
		slog.String("verdict", verdict),
		slog.Int("rule", first.Rule().ID()),
		slog.String("rule_msg", sanitize(first.Message())),
		slog.String("matched", matchedPart(first)),
		slog.Int("score", score),
		slog.Any("rules", rules),
		slog.String("client", x.client),
		tier.Milliseconds("duration_ms", took))
}

// matchedPart says where a rule matched and what: "ARGS:id: 1 OR 1=1".
func matchedPart(m types.MatchedRule) string {
	data := m.MatchedDatas()
	if len(data) == 0 {
		return ""
	}
	where := data[0].Variable().Name()
	if key := data[0].Key(); key != "" {
		where += ":" + key
	}
	if secret(data[0].Variable(), data[0].Key()) {
		return sanitize(where)
	}
	return sanitize(where + ": " + data[0].Value())
}

// secret reports whether a part of a request is likely to hold a password or a session.
func secret(v variables.RuleVariable, key string) bool {
	switch v {
	case variables.RequestCookies:
		return true
	case variables.RequestHeaders:
		key = strings.ToLower(key)
		return key == "cookie" || key == "authorization" || key == "proxy-authorization"
	case variables.Args, variables.ArgsGet, variables.ArgsPost:
		key = strings.ToLower(key)
		return strings.Contains(key, "pass") || strings.Contains(key, "token") || strings.Contains(key, "secret")
	}
	return false
}

// sanitize makes foreign text fit for a line of the log: printable and bounded.
func sanitize(text string) string {
	cut := len(text) > maxMatched
	if cut {
		text = text[:maxMatched]
	}
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, strings.ToValidUTF8(text, "?"))
	if cut {
		text += "…"
	}
	return text
}

// attackOf returns the kind of attack that a rule looks for, by its tag such as attack-sqli.
func attackOf(m types.MatchedRule) string {
	for _, tag := range m.Rule().Tags() {
		if kind, ok := strings.CutPrefix(tag, "attack-"); ok && attacks[kind] {
			return kind
		}
	}
	return "other"
}

// attacks are the kinds that the rule set knows: those that /metrics may name.
var attacks = map[string]bool{
	"deprecated-header": true, "disclosure": true, "fixation": true, "generic": true, "injection-generic": true, "injection-java": true,
	"injection-php": true, "lfi": true, "multipart-header": true, "protocol": true, "rce": true, "reputation-scanner": true, "rfi": true,
	"sqli": true, "ssrf": true, "ssti": true, "xss": true,
}
