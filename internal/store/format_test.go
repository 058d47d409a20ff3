package store_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stackctl.dev/stackctl/internal/store"
)

func str(s string) store.Reply { return store.Reply{Kind: store.String, Text: s} }
func num(n int64) store.Reply  { return store.Reply{Kind: store.Integer, Int: n} }
func list(k store.Kind, elems ...store.Reply) store.Reply {
	return store.Reply{Kind: k, Elems: elems}
}

func TestFormat(t *testing.T) {
	ten := list(store.Array)
	for i := range 10 {
		ten.Elems = append(ten.Elems, num(int64(i)))
	}
	tests := []struct {
		name     string
		in       store.Reply
		tty, raw string
	}{
		{"nil", store.Reply{}, "(nil)\n", "\n"},
		{"status", store.Reply{Kind: store.Status, Text: "OK"}, "OK\n", "OK\n"},
		{"error", store.Reply{Kind: store.Error, Text: "ERR no"}, "(error) ERR no\n", "ERR no\n\n"},
		{"integer", num(-4), "(integer) -4\n", "-4\n"},
		{"string", str("a\"\\\n\r\t\a\b\x00\x7f\xff é"), `"a\"\\\n\r\t\a\b\x00\x7f\xff \xc3\xa9"` + "\n", "a\"\\\n\r\t\a\b\x00\x7f\xff é\n"},
		{"double", store.Reply{Kind: store.Double, Text: "3.14"}, "(double) 3.14\n", "3.14\n"},
		{"true", store.Reply{Kind: store.Bool, Int: 1}, "(true)\n", "(true)\n"},
		{"false", store.Reply{Kind: store.Bool}, "(false)\n", "(false)\n"},
		{"big number", store.Reply{Kind: store.BigNumber, Text: "12345678901234567890"}, "(integer) 12345678901234567890\n", "12345678901234567890\n"},
		{"verbatim", store.Reply{Kind: store.Verbatim, Text: "a\nb"}, "a\nb\n", "a\nb\n"},
		{"empty array", list(store.Array), "(empty array)\n", "\n"},
		{"empty map", list(store.Map), "(empty hash)\n", "\n"},
		{"empty set", list(store.Set), "(empty set)\n", "\n"},
		{"empty push", list(store.Push), "(empty push)\n", "\n"},
		{"array", list(store.Array, str("a"), store.Reply{}, num(3)), "1) \"a\"\n2) (nil)\n3) (integer) 3\n", "a\n\n3\n"},
		{"aligned", ten, " 1) (integer) 0\n 2) (integer) 1\n 3) (integer) 2\n 4) (integer) 3\n 5) (integer) 4\n 6) (integer) 5\n 7) (integer) 6\n" +
			" 8) (integer) 7\n 9) (integer) 8\n10) (integer) 9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"},
		{"nested", list(store.Array, list(store.Array, str("a"), list(store.Array, str("b"), str("c"))), str("d")),
			"1) 1) \"a\"\n   2) 1) \"b\"\n      2) \"c\"\n2) \"d\"\n", "a\nb\nc\nd\n"},
		{"map", list(store.Map, str("k"), str("v"), str("l"), list(store.Array, num(1), num(2))),
			"1# \"k\" => \"v\"\n2# \"l\" => \n   1) (integer) 1\n   2) (integer) 2\n", "k v\nl 1\n2\n"},
		{"map of short values", list(store.Map, str("k"), list(store.Array, num(1))), "1# \"k\" => 1) (integer) 1\n", "k 1\n"},
		{"set", list(store.Set, str("a"), str("b")), "1~ \"a\"\n2~ \"b\"\n", "a\nb\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.tty, store.FormatTTY(nil, tt.in)); diff != "" {
				t.Errorf("FormatTTY: -want +got\n%s", diff)
			}
			if diff := cmp.Diff(tt.raw, store.FormatRaw(tt.in)); diff != "" {
				t.Errorf("FormatRaw: -want +got\n%s", diff)
			}
		})
	}
	if got := store.FormatTTY([]string{"info"}, str("# Server\r\n")); got != "# Server\r\n" {
		t.Errorf("INFO on a terminal is %q, want it as it is", got)
	}
}

// The same command through redis-cli and through Conn and FormatTTY or FormatRaw gives the same bytes.
func TestFormatLikeRedisCLI(t *testing.T) {
	redis := startRedis(t)
	seed := connect(t, redis.dial)
	for _, line := range []string{
		`SET s "a\"\\ \n\xff"`, `SET n 41`, `RPUSH l a b c d e f g h i j k`, `HSET h f1 v1 f2 "v 2"`, `SADD set one`,
		`ZADD z 1.5 a 2 b inf c`, `XADD st 1-1 k v k2 v2`, `XADD st 1-2 k v`, `XGROUP CREATE st g 0`, `GEOADD geo 13.4 52.5 berlin`, `SETBIT bits 7 1`,
		`ACL SETUSER bob on >secret ~*`,
	} {
		args, err := store.SplitLine(line)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := seed.Do(t.Context(), args...); err != nil || r.Err() != nil {
			t.Fatalf("%s: %v %v", line, err, r.Err())
		}
	}
	lines := []string{
		`PING`, `PING hello`, `GET s`, `GET missing`, `SET k v`, `TYPE l`, `INCRBY n 0`, `INCR s`, `NOSUCH`, `GET`, `LRANGE l 0 -1`, `LRANGE none 0 -1`,
		`HGETALL h`, `HGETALL none`, `SMEMBERS set`, `SMEMBERS none`, `ZRANGE z 0 -1 WITHSCORES`, `ZSCORE z a`, `ZSCORE z c`, `ZINCRBY z 0 b`, `XRANGE st - +`,
		`XINFO STREAM st`, `XREAD COUNT 1 STREAMS st 0`, `XREADGROUP GROUP g c COUNT 2 STREAMS st 1`, `GEOPOS geo berlin none`, `MGET s missing n`, `SCAN 0 MATCH none*`,
		`CONFIG GET maxmemory*`, `CONFIG GET nothing*`, `OBJECT ENCODING l`, `DEBUG PROTOCOL double`, `DEBUG PROTOCOL null`, `DEBUG PROTOCOL map`,
		`DEBUG PROTOCOL set`, `DEBUG PROTOCOL true`, `DEBUG PROTOCOL false`, `DEBUG PROTOCOL verbatim`, `DEBUG PROTOCOL array`,
		`COMMAND DOCS get`, `COMMAND COUNT`, `EVAL "return {1,{2,{3,'x'}},{}}" 0`, `EVAL "return redis.error_reply('ERR mine')" 0`, `INFO cpu_none`, `INFO replication`,
		`MEMORY DOCTOR`, `LATENCY DOCTOR`, `CLUSTER INFO`, `ACL GETUSER bob`, `SLOWLOG GET`, `BLPOP none 0.01`, `EXPIRETIME s`, `LOLWUT VERSION 9`, `EXEC`, `QUIT`,
	}
	for _, proto := range []string{"2", "3"} {
		for _, line := range lines {
			t.Run("RESP"+proto+" "+line, func(t *testing.T) {
				compareWithCLI(t, redis, proto, line)
			})
		}
	}
}

func compareWithCLI(t *testing.T, redis *realRedis, proto, line string) {
	args, err := store.SplitLine(line)
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, redis.dial)
	if r, err := c.Do(t.Context(), "HELLO", proto); err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	for _, mode := range []string{"--no-raw", "--raw"} {
		want, err := redis.command(append([]string{"-" + proto, mode}, args...)...).Output()
		if err != nil {
			t.Fatalf("running redis-cli: %v", err)
		}
		r, err := c.Do(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		got := store.FormatTTY(args, r)
		if mode == "--raw" {
			got = store.FormatRaw(r)
		}
		expect := string(want)
		if mode == "--raw" && strings.HasSuffix(got, "\n") && got == expect+"\n" && rawTable(args) {
			got = expect // redis-cli adds no newline of its own to tables
		}
		if diff := cmp.Diff(expect, got); diff != "" {
			t.Errorf("%s %s: -redis-cli +ours\n%s", mode, strconv.Quote(line), diff)
		}
		if strings.EqualFold(line, "quit") {
			return // the server has closed the connection
		}
	}
}

func rawTable(args []string) bool {
	return store.FormatTTY(args, store.Reply{Kind: store.String, Text: "x"}) == "x"
}
