package console

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// destroys are commands that remove whole keys or more, though no category of the ACL says so for all of them.
var destroys = map[string]bool{
	"DEL": true, "UNLINK": true, "GETDEL": true, "FLUSHDB": true, "FLUSHALL": true,
	"FUNCTION FLUSH": true, "FUNCTION DELETE": true, "SCRIPT FLUSH": true,
}

// gentle are commands that the ACL calls dangerous and that are not asked about: they save what is there already, or tell about users and
// replicas. They are not harmless in the sense of readsOnly, which a screen that may change nothing goes by.
var gentle = map[string]bool{
	"BGSAVE": true, "BGREWRITEAOF": true, "ACL GETUSER": true, "ACL DRYRUN": true,
	"CLUSTER REPLICAS": true, "CLUSTER SLAVES": true, "CLUSTER COUNT-FAILURE-REPORTS": true,
}

// Danger reports whether a command should be asked about: those that remove whole keys, and those that the server's ACL calls dangerous, unless
// they only look.
func (s *Session) Danger(args []string) bool {
	if len(args) == 0 {
		return false
	}
	name := strings.ToUpper(args[0])
	if destroys[name] || len(args) > 1 && destroys[name+" "+strings.ToUpper(args[1])] {
		return true
	}
	found, known := s.commands.lookup(args)
	switch {
	case !known, !found.is("@dangerous"), gentle[found.name]:
		return false
	case name == "SORT": // dangerous for the time it takes; it changes something only with STORE
		return slices.ContainsFunc(args[1:], func(a string) bool { return strings.EqualFold(a, "STORE") })
	}
	return !readsOnly(s.commands, args)
}

const (
	describeLimit = 5 * time.Second
	maxDescribed  = 10 // keys
)

// Describe says in words what a command would destroy or change, a line each. What cannot be found out is said too.
func (s *Session) Describe(ctx context.Context, args []string) []string {
	ctx, cancel := context.WithTimeout(ctx, describeLimit)
	defer cancel()
	if len(args) == 0 {
		return nil
	}
	var lines []string
	var err error
	switch name := strings.ToUpper(args[0]); name {
	case "DEL", "UNLINK", "GETDEL":
		if lines, err = s.describeKeys(ctx, args[1:]); err == nil {
			lines = append(lines, s.canUndo(ctx, args[1:]))
		}
	case "FLUSHDB", "FLUSHALL":
		lines, err = s.describeAll(ctx, name == "FLUSHALL")
	case "SWAPDB":
		lines = []string{"two databases change places, for everybody; the same command changes them back"}
	case "CONFIG":
		lines, err = s.describeConfig(ctx, args)
	case "SHUTDOWN":
		lines = []string{"Redis ends: the counter is away until its container is started again"}
	default:
		if found, _ := s.commands.lookup(args); found.summary != "" {
			lines = append(lines, found.summary)
		}
		lines = append(lines, "it cannot be undone here")
	}
	if err != nil {
		return append(lines, "what it would change is not known: "+err.Error())
	}
	return lines
}

func (s *Session) describeKeys(ctx context.Context, keys []string) ([]string, error) {
	more := max(len(keys)-maxDescribed, 0)
	infos, err := s.aux().KeyInfos(ctx, keys[:len(keys)-more])
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, k := range infos {
		if k.Type == "none" {
			lines = append(lines, Quote(k.Key)+": there is no such key")
			continue
		}
		text := fmt.Sprintf("%s: %s, %d bytes in memory", Quote(k.Key), k.Type, k.Size)
		if k.TTL >= 0 {
			text += ", expires in " + k.TTL.Round(time.Second).String()
		}
		if k.Type == "string" {
			if value, ok, err := s.aux().Get(ctx, k.Key); err == nil && ok && len(value) <= 40 {
				text += ", value " + Quote(value)
			}
		}
		lines = append(lines, text)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d keys more", more))
	}
	return lines, nil
}

// canUndo says whether remove will keep the keys.
func (s *Session) canUndo(ctx context.Context, keys []string) string {
	if err := s.take(ctx); err != nil {
		return "whether it can be undone is not known: " + err.Error()
	}
	defer s.give()
	switch {
	case s.multi:
		return "it is queued in the transaction, and cannot be undone"
	case s.keeps(ctx, keys):
		return "it can be undone afterwards"
	}
	return fmt.Sprintf("it cannot be undone: that is for at most %d keys of %d MiB in all, while no key is watched", maxUndoKeys, maxUndoBytes>>20)
}

func (s *Session) describeAll(ctx context.Context, everywhere bool) ([]string, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.give()
	sum, err := s.aux().Summary(ctx)
	if err != nil {
		return nil, err
	}
	visits := "no visit counter"
	if sum.HasVisits {
		visits = strconv.FormatInt(sum.Visits, 10) + " visits"
	}
	lines := []string{fmt.Sprintf("%d keys in database %d, %s, %d bytes in memory", sum.Keys, s.db, visits, sum.UsedBytes)}
	if everywhere && !s.multi {
		lines = append(lines, s.others(ctx)...)
	}
	return append(lines, "it cannot be undone"), nil
}

// others says what the other databases hold, as far as the server tells: "db1:keys=3,expires=0" is a line of it.
func (s *Session) others(ctx context.Context) []string {
	reply, err := s.do(ctx, []string{"INFO", "keyspace"})
	if err == nil {
		err = reply.Err()
	}
	if err != nil {
		return []string{"what the other databases hold is not known: " + err.Error()}
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
			lines = append(lines, args[i]+": another secret")
			continue
		}
		reply, err := s.do(ctx, []string{"CONFIG", "GET", args[i]})
		if err != nil {
			return lines, err
		}
		old := pairs(reply)[strings.ToLower(args[i])]
		lines = append(lines, fmt.Sprintf("%s: %s -> %s", args[i], Quote(old.Text), Quote(args[i+1])))
	}
	return append(lines, "until Redis is started again"), nil
}
