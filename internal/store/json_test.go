package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"stackctl.dev/stackctl/internal/store"
)

// TestJSONAsRedisCLI compares with redis-cli --json, which asks for RESP3.
func TestJSONAsRedisCLI(t *testing.T) {
	redis := startRedis(t)
	conn := connect(t, redis.dial)
	if _, err := conn.Do(t.Context(), "HELLO", "3"); err != nil {
		t.Fatal(err)
	}
	setup := [][]string{
		{"HSET", "h", "a", "1", "b\x1b\n", "2"},
		{"SADD", "s", "x"},
		{"ZADD", "z", "1.5", "a", "inf", "b"},
		{"SET", "bytes", "\x00\x07\x08\x09\x0a\x0b\x0c\x0d\x1f \"\\/<&>\x7f\x80\xff é €"},
	}
	for _, args := range setup {
		if r, err := conn.Do(t.Context(), args...); err != nil || r.Kind == store.Error {
			t.Fatal(r, err)
		}
	}
	commands := [][]string{
		{"HGETALL", "h"},
		{"HGETALL", "none"},
		{"SMEMBERS", "s"},
		{"SMEMBERS", "none"},
		{"ZRANGE", "z", "0", "-1", "WITHSCORES"},
		{"GET", "bytes"},
		{"GET", "none"},
		{"PING"},
		{"NOSUCH"},
		{"DEBUG", "PROTOCOL", "map"},
		{"DEBUG", "PROTOCOL", "set"},
		{"DEBUG", "PROTOCOL", "double"},
		{"DEBUG", "PROTOCOL", "true"},
		{"DEBUG", "PROTOCOL", "false"},
		{"DEBUG", "PROTOCOL", "verbatim"},
		{"EVAL", "return {1,{'a',false,{}}}", "0"},
		{"EVAL", "redis.setresp(3); return {map={a={double=1.25}}}", "0"},
		{"COMMAND", "DOCS", "GET"},
	}
	for _, args := range commands {
		reply, err := conn.Do(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		want, err := redis.command(append([]string{"--json"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := store.FormatJSON(reply); got != string(want) {
			t.Errorf("%q:\n got %q\nwant %q", args, got, want)
		}
	}
}

// FuzzJSON holds that a string is JSON that reads back as itself, wherever it stands.
func FuzzJSON(f *testing.F) {
	f.Add("visits", "1")
	f.Add("\x1b[2J", "\"\\\x00\x7f")
	f.Add("é€😀", "\u2028")
	f.Fuzz(func(t *testing.T, key, value string) {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			t.Skip("comes out as the bytes it is")
		}
		text := store.FormatJSON(store.Reply{Kind: store.Map, Elems: []store.Reply{
			{Kind: store.String, Text: key}, {Kind: store.Array, Elems: []store.Reply{{Kind: store.Status, Text: value}, {Kind: store.Nil}}},
		}})
		var got map[string][]*string
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if list := got[key]; len(list) != 2 || list[0] == nil || *list[0] != value || list[1] != nil {
			t.Errorf("%q: not what went in", text)
		}
		if strings.Count(text, "\n") != 1 {
			t.Errorf("%q: not one line", text)
		}
	})
}
