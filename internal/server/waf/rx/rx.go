// Package rx is the operator @rx of the WAF's rules: that of Coraza, with the same results, but with an automaton that says in one
// pass whether an expression matches. Coraza's own way to save time, SecRxPreFilter, misses attacks: with it two of the Core Rule Set's
// tests fail.
package rx

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"rsc.io/binaryregexp"
)

// New compiles the expression that options.Arguments is. It is a plugintypes.OperatorFactory.
func New(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	if hasBytes(options.Arguments) {
		re, err := binaryregexp.Compile(options.Arguments)
		if err != nil {
			return nil, err
		}
		return &operator{re: re}, nil
	}
	// As Coraza does: . matches line breaks, as in ModSecurity, and ^ and $ each line.
	expression := "(?sm)" + options.Arguments
	compiled, err := options.Memoizer.Do("stackctl:"+expression, func() (any, error) { return compile(expression) })
	if err != nil {
		return nil, err
	}
	return compiled.(*operator), nil
}

func compile(expression string) (*operator, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	return &operator{re: re, dfa: newDFA(prog)}, nil
}

// operator is an expression. It is used by all transactions at the same time.
type operator struct {
	re interface {
		MatchString(text string) bool
		FindStringSubmatchIndex(text string) []int
	}
	dfa *dfa // nil for an expression of bytes
}

var _ plugintypes.Operator = (*operator)(nil)

// Evaluate reports whether the expression matches, and hands on what its groups are.
func (o *operator) Evaluate(tx plugintypes.TransactionState, text string) bool {
	if !o.match(text) {
		return false
	}
	if !tx.Capturing() {
		return true
	}
	groups := o.re.FindStringSubmatchIndex(text)
	for i := 0; i < len(groups)/2 && i < 9; i++ {
		group := ""
		if groups[2*i] >= 0 {
			group = text[groups[2*i]:groups[2*i+1]]
		}
		tx.CaptureField(i, group)
	}
	return true
}

// match reports whether the expression matches. Nearly always it does not, and where it matches is asked only if it does.
func (o *operator) match(text string) bool {
	if o.dfa != nil {
		if match, decided := o.dfa.match(text); decided {
			return match
		}
	}
	return o.re.MatchString(text)
}

// hasBytes reports whether an expression names bytes, such as \xe2, that are not UTF-8: those are not runes for regexp.
func hasBytes(expression string) bool {
	var decoded []byte
	for i := 0; i < len(expression); i++ {
		if rest := expression[i:]; strings.HasPrefix(rest, `\x`) {
			digits, length := rest[2:min(4, len(rest))], 4
			if end := strings.IndexByte(rest, '}'); strings.HasPrefix(digits, "{") && end > 0 {
				digits, length = rest[3:end], end+1
			}
			if n, err := strconv.ParseUint(digits, 16, 8); err == nil && len(digits) >= 2 {
				decoded = append(decoded, byte(n))
				i += length - 1
				continue
			}
		}
		decoded = append(decoded, expression[i])
	}
	return !utf8.Valid(decoded)
}
