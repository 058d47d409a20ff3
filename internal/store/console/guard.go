package console

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Removes reports whether a command removes the keys that it names, so that Undo can restore them.
func Removes(args []string) bool {
	switch strings.ToUpper(args[0]) {
	case "DEL", "UNLINK", "GETDEL":
		return true
	}
	return false
}

// destroys are the commands that remove more than the keys that they name; no single ACL category has them all.
var destroys = map[string]bool{
	"FLUSHDB": true, "FLUSHALL": true,
	"FUNCTION FLUSH": true, "FUNCTION DELETE": true, "SCRIPT FLUSH": true,
}

// unconfirmed are commands that the ACL calls dangerous but that need no confirmation: they save the data, or describe users and
// replicas. They do not count as ReadsOnly, which a read-only screen relies on.
var unconfirmed = map[string]bool{
	"BGSAVE": true, "BGREWRITEAOF": true, "ACL GETUSER": true, "ACL DRYRUN": true,
	"CLUSTER REPLICAS": true, "CLUSTER SLAVES": true, "CLUSTER COUNT-FAILURE-REPORTS": true,
}

// Danger reports whether a command should be confirmed: one that removes whole keys, or that the server's ACL calls dangerous, unless it
// only reads.
func (s *Session) Danger(args []string) bool {
	if len(args) == 0 {
		return false
	}
	name := strings.ToUpper(args[0])
	if Removes(args) || destroys[name] || len(args) > 1 && destroys[name+" "+strings.ToUpper(args[1])] {
		return true
	}
	found, known := s.commands.lookup(args)
	switch {
	case !known, !found.has("@dangerous"), unconfirmed[found.name]:
		return false
	case name == "SORT": // dangerous because it is slow; it changes data only with STORE
		return slices.ContainsFunc(args[1:], func(a string) bool { return strings.EqualFold(a, "STORE") })
	}
	return !s.ReadsOnly(args)
}

const (
	describeLimit = 5 * time.Second
	maxDescribed  = 10 // keys
)

// Describe says what a command would destroy or change, one line each, and what of it is unknown.
func (s *Session) Describe(ctx context.Context, args []string) []string {
	ctx, cancel := context.WithTimeout(ctx, describeLimit)
	defer cancel()
	if len(args) == 0 {
		return nil
	}
	var lines []string
	var err error
	switch name := strings.ToUpper(args[0]); {
	case Removes(args):
		if lines, err = s.describeKeys(ctx, args[1:]); err == nil {
			lines = append(lines, s.canUndo(ctx, args[1:]))
		}
	case name == "FLUSHDB", name == "FLUSHALL":
		lines, err = s.describeAll(ctx, name == "FLUSHALL")
	case name == "SWAPDB":
		lines = []string{"two databases are swapped, for all clients; the same command swaps them back"}
	case name == "CONFIG":
		lines, err = s.describeConfig(ctx, args)
	case name == "SHUTDOWN":
		lines = []string{"Redis stops: visits cannot be counted until its container is started again"}
	default:
		if found, _ := s.commands.lookup(args); found.summary != "" {
			lines = append(lines, found.summary)
		}
		lines = append(lines, "it cannot be undone here")
	}
	if err != nil {
		return append(lines, "it is unknown what would change: "+err.Error())
	}
	return lines
}

func (s *Session) describeKeys(ctx context.Context, keys []string) ([]string, error) {
	more := max(len(keys)-maxDescribed, 0)
	infos, err := s.side().KeyInfos(ctx, keys[:len(keys)-more])
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, k := range infos {
		if k.Type == "none" {
			lines = append(lines, Quote(k.Key)+": no such key")
			continue
		}
		text := fmt.Sprintf("%s: %s, %d bytes in memory", Quote(k.Key), k.Type, k.Size)
		if k.TTL >= 0 {
			text += ", expires in " + k.TTL.Round(time.Second).String()
		}
		if k.Type == "string" {
			if value, ok, err := s.side().Get(ctx, k.Key); err == nil && ok && len(value) <= 40 {
				text += ", value " + Quote(value)
			}
		}
		lines = append(lines, text)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more keys", more))
	}
	return lines, nil
}

// canUndo says whether the removal of keys can be undone.
func (s *Session) canUndo(ctx context.Context, keys []string) string {
	if err := s.take(ctx); err != nil {
		return "it is unknown whether it can be undone: " + err.Error()
	}
	defer s.give()
	switch {
	case s.multi:
		return "it is queued in the transaction, and cannot be undone"
	case s.undoable(ctx, keys):
		return "it can be undone afterwards"
	}
	return fmt.Sprintf("it cannot be undone: that works for up to %d keys and %d MiB, while no key is watched", maxUndoKeys, maxUndoBytes>>20)
}

func (s *Session) describeAll(ctx context.Context, everywhere bool) ([]string, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.give()
	sum, err := s.side().Summary(ctx)
	if err != nil {
		return nil, err
	}
	visits := "no visit counter"
	if sum.HasVisits {
		visits = strconv.FormatInt(sum.Visits, 10) + " visits"
	}
	lines := []string{fmt.Sprintf("%d keys in database %d, %s, %d bytes in memory", sum.Keys, s.db, visits, sum.UsedBytes)}
	if everywhere && !s.multi {
		lines = append(lines, s.describeOthers(ctx)...)
	}
	return append(lines, "it cannot be undone"), nil
}

// describeOthers says how many keys the other databases have, from lines such as "db1:keys=3,expires=0" of INFO.
func (s *Session) describeOthers(ctx context.Context) []string {
	reply, err := s.do(ctx, []string{"INFO", "keyspace"})
	if err == nil {
		err = reply.Err()
	}
	if err != nil {
		return []string{"it is unknown what the other databases hold: " + err.Error()}
	}
	var lines []string
	for line := range strings.Lines(reply.Text) {
		db, rest, ok := strings.Cut(strings.TrimSpace(line), ":keys=")
		db, isDB := strings.CutPrefix(db, "db")
		keys, _, _ := strings.Cut(rest, ",")
		if ok && isDB && db != strconv.Itoa(s.db) && len(lines) < maxDescribed {
			lines = append(lines, fmt.Sprintf("%s keys in database %s", keys, db))
		}
	}
	return lines
}

func (s *Session) describeConfig(ctx context.Context, args []string) ([]string, error) {
	if len(args) < 4 || !strings.EqualFold(args[1], "SET") {
		return []string{"it changes the server's configuration"}, nil
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.give()
	if s.multi {
		return []string{"it is queued in the transaction"}, nil
	}
	var lines []string
	for i := 2; i+1 < len(args); i += 2 {
		if secretSetting(args[i]) {
			lines = append(lines, args[i]+": a new secret")
			continue
		}
		reply, err := s.do(ctx, []string{"CONFIG", "GET", args[i]})
		if err != nil {
			return lines, err
		}
		old := pairs(reply)[strings.ToLower(args[i])]
		lines = append(lines, fmt.Sprintf("%s: %s -> %s", args[i], Quote(old.Text), Quote(args[i+1])))
	}
	return append(lines, "until Redis restarts"), nil
}
