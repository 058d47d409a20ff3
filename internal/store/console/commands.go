package console

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"stackctl.dev/stackctl/internal/store"
)

// command describes a command, or a subcommand such as CONFIG GET.
type command struct {
	name       string // in capitals; "CONFIG GET" for a subcommand
	summary    string
	args       []string // the syntax: an element for each argument or option
	flags      []string // of the server: readonly, write, admin, may_replicate ...
	categories []string // of the ACL: @dangerous, @scripting ...
	// The positions of its keys among the arguments, as in COMMAND: first 0 is none; a negative last counts from the end.
	first, last, step int
	subs              map[string]*command // by name in lower case
}

func (c *command) has(flag string) bool {
	return slices.Contains(c.flags, flag) || slices.Contains(c.categories, flag)
}

// commandTable describes the server's commands. It is safe for concurrent use.
type commandTable struct {
	mu     sync.RWMutex
	byName map[string]*command // in lower case
}

// lookup returns the command, or the subcommand, that args run.
func (c *commandTable) lookup(args []string) (command, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(args) == 0 {
		return command{}, false
	}
	found, ok := c.byName[strings.ToLower(args[0])]
	if !ok {
		return command{}, false
	}
	if len(args) > 1 {
		if sub, ok := found.subs[strings.ToLower(args[1])]; ok {
			return *sub, true
		}
	}
	return *found, true
}

// harmless are commands that change nothing although the server flags them as dangerous, or does not flag them as read-only.
var harmless = map[string]bool{
	"INFO": true, "CONFIG GET": true, "CLIENT LIST": true, "CLIENT INFO": true, "CLIENT ID": true, "CLIENT GETNAME": true, "LASTSAVE": true, "ROLE": true,
	"MONITOR": true, "SLOWLOG GET": true, "SLOWLOG LEN": true, "LATENCY DOCTOR": true, "LATENCY GRAPH": true, "LATENCY HISTORY": true, "LATENCY LATEST": true,
	"LATENCY HISTOGRAM": true, "ACL WHOAMI": true, "ACL LIST": true, "ACL USERS": true, "ACL CAT": true, "MODULE LIST": true, "MEMORY STATS": true, "MEMORY DOCTOR": true,
	"MEMORY USAGE": true, "CLUSTER INFO": true, "CLUSTER NODES": true, "KEYS": true, "SORT_RO": true, "DEBUG OBJECT": true,
}

// ReadsOnly reports whether a command certainly changes neither the data nor the server. An unknown command may change something.
func (s *Session) ReadsOnly(args []string) bool {
	found, ok := s.commands.lookup(args)
	switch {
	case !ok:
		return false
	case found.has("readonly"), harmless[found.name]:
		return true
	}
	return len(found.subs) == 0 && !slices.ContainsFunc([]string{"write", "admin", "may_replicate", "@dangerous", "@scripting", "@admin"}, found.has)
}

// Load asks the server for its commands, once. Until then, or if the server does not list them, a small table of common commands is used.
func (s *Session) Load(ctx context.Context) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	if s.loaded || s.multi {
		return nil
	}
	list, err := s.do(ctx, []string{"COMMAND"})
	if err != nil {
		return fmt.Errorf("reading the server's commands: %w", err)
	}
	docs, err := s.do(ctx, []string{"COMMAND", "DOCS"})
	if err != nil {
		return fmt.Errorf("reading the commands' documentation: %w", err)
	}
	s.loaded = true
	s.commands.fill(list, docs)
	return nil
}

// fill adds the server's descriptions; built-in ones stay if the server has none.
func (c *commandTable) fill(list, docs store.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, entry := range list.Elems {
		if found := parseCommand(entry); found != nil {
			if known, ok := c.byName[strings.ToLower(found.name)]; ok {
				found.summary, found.args = known.summary, known.args
			}
			c.byName[strings.ToLower(found.name)] = found
		}
	}
	for name, doc := range pairs(docs) {
		if found, ok := c.byName[strings.ToLower(name)]; ok {
			found.document(doc)
		}
	}
}

// parseCommand reads one entry of COMMAND: name, arity, flags, first, last, step, categories, tips, key specifications, subcommands.
func parseCommand(r store.Reply) *command {
	if len(r.Elems) < 6 {
		return nil
	}
	name := strings.ToUpper(strings.ReplaceAll(r.Elems[0].Text, "|", " "))
	c := &command{name: name, flags: texts(r.Elems[2]), first: int(r.Elems[3].Int), last: int(r.Elems[4].Int), step: int(r.Elems[5].Int)}
	if len(r.Elems) > 6 {
		c.categories = texts(r.Elems[6])
	}
	if len(r.Elems) > 9 {
		for _, e := range r.Elems[9].Elems {
			if sub := parseCommand(e); sub != nil {
				if c.subs == nil {
					c.subs = map[string]*command{}
				}
				_, own, _ := strings.Cut(sub.name, " ")
				c.subs[strings.ToLower(own)] = sub
			}
		}
	}
	return c
}

// document reads one entry of COMMAND DOCS.
func (c *command) document(doc store.Reply) {
	fields := pairs(doc)
	c.summary = fields["summary"].Text
	c.args = c.args[:0]
	for _, a := range fields["arguments"].Elems {
		c.args = append(c.args, syntax(a))
	}
	for name, sub := range pairs(fields["subcommands"]) {
		_, own, _ := strings.Cut(name, "|")
		if found, ok := c.subs[strings.ToLower(own)]; ok {
			found.document(sub)
		}
	}
}

// syntax formats an argument as Redis's documentation does: key, [EX seconds], <a | b>, key [key ...].
func syntax(arg store.Reply) string {
	fields := pairs(arg)
	flags := texts(fields["flags"])
	var parts []string
	for _, a := range fields["arguments"].Elems {
		parts = append(parts, syntax(a))
	}
	text, token := fields["display_text"].Text, fields["token"].Text
	if text == "" {
		text = fields["name"].Text
	}
	optional := slices.Contains(flags, "optional")
	switch fields["type"].Text {
	case "pure-token":
		text, token = token, ""
	case "oneof":
		text = strings.Join(parts, "|")
		if !optional {
			text = "<" + text + ">"
		}
	case "block":
		text = strings.Join(parts, " ")
	}
	if token != "" {
		text = token + " " + text
	}
	if slices.Contains(flags, "multiple") {
		text += " [" + text + " ...]"
	}
	if optional {
		text = "[" + text + "]"
	}
	return text
}

// pairs returns a reply that is a map, or in RESP2 a list of alternating names and values, as a Go map.
func pairs(r store.Reply) map[string]store.Reply {
	m := make(map[string]store.Reply, len(r.Elems)/2)
	for i := 0; i+1 < len(r.Elems); i += 2 {
		m[r.Elems[i].Text] = r.Elems[i+1]
	}
	return m
}

func texts(r store.Reply) []string {
	list := make([]string, 0, len(r.Elems))
	for _, e := range r.Elems {
		list = append(list, e.Text)
	}
	return list
}
