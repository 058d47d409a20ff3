package console

import "strings"

// common describes the commands that are known without the server: name, flags, first and last key, arguments, summary.
const common = `
APPEND|write|1 1|key value|Append a string to the value of a key
AUTH|fast|0 0|[username] password|Log in
CLIENT LIST|admin|0 0||List the connections
COMMAND|fast|0 0||List the commands
CONFIG GET|admin|0 0|parameter [parameter ...]|Read configuration parameters
CONFIG SET|admin @dangerous|0 0|parameter value [parameter value ...]|Change configuration parameters
DBSIZE|readonly|0 0||Count the keys
DECR|write|1 1|key|Decrement a number
DEL|write|1 -1|key [key ...]|Remove keys
DISCARD|fast|0 0||Drop the queued commands
DUMP|readonly|1 1|key|Serialize a value
ECHO|fast|0 0|message|Print a message
EVAL|@scripting|0 0|script numkeys [key [key ...]] [arg [arg ...]]|Run a Lua script
EXEC|fast|0 0||Run the queued commands
EXISTS|readonly|1 -1|key [key ...]|Count which keys exist
EXPIRE|write|1 1|key seconds [NX|XX|GT|LT]|Set when a key expires
FLUSHALL|write @dangerous|0 0|[ASYNC|SYNC]|Remove all keys of all databases
FLUSHDB|write @dangerous|0 0|[ASYNC|SYNC]|Remove all keys of this database
GET|readonly|1 1|key|Get the string at a key
GETDEL|write|1 1|key|Get the string at a key, and remove it
HDEL|write|1 1|key field [field ...]|Remove fields of a hash
HGET|readonly|1 1|key field|Get a field of a hash
HGETALL|readonly|1 1|key|Get all fields of a hash
HSET|write|1 1|key field value [field value ...]|Set fields of a hash
INCR|write|1 1|key|Increment a number
INCRBY|write|1 1|key increment|Add to a number
INFO|@dangerous|0 0|[section [section ...]]|Describe the server
KEYS|readonly @dangerous|0 0|pattern|List keys; SCAN does not block other clients
LLEN|readonly|1 1|key|Count the elements of a list
LPUSH|write|1 1|key element [element ...]|Prepend elements to a list
LRANGE|readonly|1 1|key start stop|Get elements of a list
MEMORY USAGE|readonly|2 2|key [SAMPLES count]|Get the memory usage of a key in bytes
MONITOR|admin @dangerous|0 0||Print every command the server receives
MULTI|fast|0 0||Queue the commands that follow
PERSIST|write|1 1|key|Remove the expiry of a key
PING|fast|0 0|[message]|Ask whether the server answers
PSUBSCRIBE|@pubsub|0 0|pattern [pattern ...]|Receive messages of channels by pattern
PUBLISH|may_replicate|0 0|channel message|Send a message
RENAME|write|1 2|key newkey|Rename a key
RESTORE|write @dangerous|1 1|key ttl serialized-value|Create a key from a serialized value
RPUSH|write|1 1|key element [element ...]|Append elements to a list
SADD|write|1 1|key member [member ...]|Add members to a set
SCAN|readonly|0 0|cursor [MATCH pattern] [COUNT count] [TYPE type]|List keys a page at a time
SELECT|fast|0 0|index|Use another database
SET|write|1 1|key value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]|Set the string at a key
SHUTDOWN|admin @dangerous|0 0|[NOSAVE|SAVE]|Shut the server down
SMEMBERS|readonly|1 1|key|Get the members of a set
STRLEN|readonly|1 1|key|Count the bytes of a string
SUBSCRIBE|@pubsub|0 0|channel [channel ...]|Receive messages of channels
TTL|readonly|1 1|key|Get the seconds until a key expires
TYPE|readonly|1 1|key|Get the type of the value at a key
UNLINK|write|1 -1|key [key ...]|Remove keys, freeing memory later
XRANGE|readonly|1 1|key start end [COUNT count]|Get entries of a stream
ZADD|write|1 1|key [NX|XX] score member [score member ...]|Add members to a sorted set
ZRANGE|readonly|1 1|key start stop [REV] [WITHSCORES]|Get members of a sorted set
`

// builtin returns a table of the common commands.
func builtin() *commandTable {
	c := &commandTable{byName: map[string]*command{}}
	for line := range strings.Lines(strings.TrimSpace(common)) {
		fields := strings.SplitN(strings.TrimSpace(line), "|", 4)
		cut := strings.LastIndex(fields[3], "|") // the syntax may contain bars, the summary does not
		found := &command{name: fields[0], summary: fields[3][cut+1:], args: splitSyntax(fields[3][:cut]), step: 1}
		for flag := range strings.FieldsSeq(fields[1]) {
			if strings.HasPrefix(flag, "@") {
				found.categories = append(found.categories, flag)
			} else {
				found.flags = append(found.flags, flag)
			}
		}
		first, last, _ := strings.Cut(fields[2], " ")
		found.first = int(first[0] - '0')
		if found.last = found.first; last == "-1" {
			found.last = -1
		} else if last != "" {
			found.last = int(last[0] - '0')
		}
		c.add(found)
	}
	return c
}

func (c *commandTable) add(found *command) {
	group, own, isSub := strings.Cut(strings.ToLower(found.name), " ")
	if !isSub {
		c.byName[group] = found
		return
	}
	parent, ok := c.byName[group]
	if !ok {
		parent = &command{name: strings.ToUpper(group), subs: map[string]*command{}}
		c.byName[group] = parent
	}
	parent.subs[own] = found
}

// splitSyntax splits a syntax into arguments and options: brackets may contain blanks, and "key [key ...]" is one argument.
func splitSyntax(text string) []string {
	var parts []string
	depth := 0
	for word := range strings.FieldsSeq(text) {
		repeats := len(parts) > 0 && strings.HasPrefix(word, "[") && strings.HasPrefix(word[1:], firstWord(parts[len(parts)-1]))
		if depth > 0 || repeats {
			parts[len(parts)-1] += " " + word
		} else {
			parts = append(parts, word)
		}
		depth += strings.Count(word, "[") + strings.Count(word, "<") - strings.Count(word, "]") - strings.Count(word, ">")
	}
	return parts
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
