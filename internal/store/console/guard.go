package console

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// destroys are commands that remove data, though no category of the ACL says so.
var destroys = map[string]bool{"DEL": true, "UNLINK": true, "GETDEL": true, "FLUSHDB": true, "FLUSHALL": true}

// Danger reports whether a command should be asked about: those that remove whole keys, and those that the server's ACL calls dangerous, unless
// they only look.
func (s *Session) Danger(args []string) bool {
	if len(args) == 0 {
		return false
	}
	found, known := s.commands.lookup(args)
	if destroys[strings.ToUpper(args[0])] {
		return true
	}
	return known && found.is("@dangerous") && !readsOnly(s.commands, args)
}

const (
	describeLimit = 5 * time.Second
	maxDescribed  = 10 // keys
)

// Describe says in words what a command would destroy or change, a line each. What cannot be found out is said too.
func (s *Session) Describe(ctx context.Context, args []string) []string {
	ctx, cancel := context.WithTimeout(ctx, describeLimit)
	defer cancel()
	var lines []string
	var err error
	switch name := strings.ToUpper(args[0]); name {
	case "DEL", "UNLINK", "GETDEL":
		lines, err = s.describeKeys(ctx, args[1:])
	case "FLUSHDB", "FLUSHALL", "SWAPDB":
		lines, err = s.describeAll(ctx)
	case "CONFIG":
		lines, err = s.describeConfig(ctx, args)
	case "SHUTDOWN":
		lines = []string{"Redis ends: the counter is away until its container is started again"}
	default:
		found, _ := s.commands.lookup(args)
		lines = []string{strings.TrimSpace(found.summary), "the server calls it dangerous, and it cannot be undone"}
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
	return append(lines, "it can be undone afterwards"), nil
}

func (s *Session) describeAll(ctx context.Context) ([]string, error) {
	sum, err := s.aux().Summary(ctx)
	if err != nil {
		return nil, err
	}
	visits := "no visit counter"
	if sum.HasVisits {
		visits = strconv.FormatInt(sum.Visits, 10) + " visits"
	}
	return []string{
		fmt.Sprintf("%d keys in database %d, %s, %d bytes in memory", sum.Keys, s.db, visits, sum.UsedBytes),
		"it cannot be undone",
	}, nil
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
		if hasSecret(args[i]) {
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
