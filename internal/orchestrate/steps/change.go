package steps

import (
	"strings"

	"stackctl.dev/stackctl/internal/mask"
)

// Change says what a plan does to one object, for people and for programs.
type Change struct {
	Action  string  `json:"action"` // create, replace, roll (replace while it serves), start, unpause, reload, rename, keep or remove
	Kind    string  `json:"kind"`   // container, network or volume
	Object  string  `json:"object"` // its name
	Service string  `json:"service,omitempty"`
	Cause   string  `json:"cause,omitempty"`
	Fields  []Field `json:"fields,omitempty"`

	Replaces string `json:"-"` // the ID of a container
}

// Field is a part of an object's configuration that changes; secrets are hidden, and a value is "" where there is none.
type Field struct {
	Path string `json:"path"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Setting is a value without its secrets; "" where there was none.
func Setting(name, value, hashed string) string {
	if hashed == "" {
		return ""
	}
	return mask.Setting(name, value)
}

// Summarize counts what a plan does, by action.
func (p *Plan) Summarize() map[string]int {
	counts := map[string]int{}
	if len(p.Changes) == 0 { // of a plan that has steps alone
		for _, op := range p.Ops {
			if verb, noun, _ := strings.Cut(op.Action.Verb(), " "); noun == "container" {
				counts[verb]++
			}
		}
	}
	for _, change := range p.Changes {
		if change.Action != "keep" {
			counts[change.Action]++
		}
	}
	return counts
}
