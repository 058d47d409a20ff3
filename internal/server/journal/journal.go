// Package journal is what Redis keeps of the history of visits until it is in PostgreSQL: the format of one hash, and the Lua that writes
// into it in the same step in which visits are booked.
//
// The hash exists while there is a history; the tier `archive` makes it. Its entries are observations: the number of the batch, the
// visits since the history began, the counter after it. Both figures are running totals, so that an entry that is removed takes no visit
// with it: the next one includes them. And whoever reads an entry twice finds nothing new in it. docs/history.md has the protocol.
package journal

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Key is the hash. The braces give it the hash slot of the counter.
const Key = "{visits}:history"

// The fields of the hash. Besides these it has one for each minute with visits, "m" and its number since 1970, and one for each change of
// the counter that was no visit, "e" and the number of the observation.
const (
	seriesField = "series" // a name that the archive gave it: a new one after the hash was lost
	nowField    = "now"    // the newest observation, and its minute: "NUMBER VISITS COUNTER MINUTE"
	baseField   = "base"   // the one that PostgreSQL has, and the Unix time in ms at which it got it: "NUMBER VISITS COUNTER TIME"
)

// Fields are those that say how far PostgreSQL has it.
var Fields = []string{seriesField, nowField, baseField}

// The bounds of the hash. As long as it has fewer fields than the first, each minute has its own. Beyond that a minute is added to the next
// one of the same hour, and beyond the second to the next one at all.
const (
	MinuteFields = 20_160 // two weeks of minutes
	MaxFields    = 30_240 // and more than a year of hours
)

// Lua begins the scripts that write into the hash. newest() returns the newest observation, or nil if there is no history. changed() records
// that the counter is not what that says, and booked() that visits were booked; neither can fail. Numbers and visits are Lua's, exact up
// to 2^53; the counter is a string throughout.
//
// A hash that someone has damaged is no history: nothing is recorded until the archive has begun another. The key is not one of the
// script's, so that a Redis whose users may not use it yet, since `up` is just about to replace it, still counts.
var Lua = fmt.Sprintf(`
local journal = '{visits}:history'
local function whole(n) return string.format('%%.0f', n) end
local function newest()
  local now = redis.pcall('HGET', journal, 'now')
  if type(now) ~= 'string' then return nil end
  local number, visits, counter, minute = string.match(now, '^(%%d+) (%%d+) (%%-?%%d+) (%%d+)$')
  if not number then return nil end
  return {number = tonumber(number), visits = tonumber(visits), counter = counter, minute = minute}
end
local function keep(h, counter)
  h.number, h.counter = h.number + 1, counter
  local text = whole(h.number) .. ' ' .. whole(h.visits) .. ' ' .. counter
  redis.call('HSET', journal, 'now', text .. ' ' .. h.minute)
  return text
end
local function changed(h, counter)
  if h.counter == counter then return end
  local digits = string.match(counter, '^%%-?([1-9]%%d*)$') or counter == '0' and counter
  if not digits or #digits > 19 or #digits == 19 and digits > '9223372036854775807' then return end -- no counter: nothing can be booked on it
  local text = keep(h, counter)
  if redis.call('HLEN', journal) >= %[1]d then return end
  local time = redis.call('TIME')
  redis.call('HSET', journal, 'e' .. whole(h.number), text .. ' ' .. whole(time[1] * 1000 + math.floor(time[2] / 1000)))
end
local function booked(h, visits, counter)
  local before, minute = h.minute, whole(math.floor(redis.call('TIME')[1] / 60))
  h.visits, h.minute = h.visits + visits, minute
  local text = keep(h, counter)
  if redis.call('HSET', journal, 'm' .. minute, text) == 0 or before == minute then return end
  local fields = redis.call('HLEN', journal)
  if fields > %[1]d or fields > %[2]d and math.floor(before / 60) == math.floor(minute / 60) then
    redis.call('HDEL', journal, 'm' .. before)
  end
end
`, MaxFields, MinuteFields)

// Observation is one entry.
type Observation struct {
	Field   string
	Number  int64 // of batches and changes since the series began
	Visits  int64 // since the series began
	Counter int64 // after it
	Minute  int64 // since 1970, UTC: in which the visits since the last observation were booked
	At      time.Time
	// Changed says that the counter was found changed, other than by visits.
	Changed bool
}

// Journal is the content of the hash.
type Journal struct {
	Series       string
	Now          Observation
	Base         Observation   // up to which PostgreSQL has it
	BaseAt       time.Time     // since when
	Observations []Observation // by number
}

// Behind are the visits that PostgreSQL does not have yet.
func (j *Journal) Behind() int64 { return j.Now.Visits - j.Base.Visits }

var (
	observation = regexp.MustCompile(`^(\d{1,16}) (\d{1,16}) (-?\d{1,19})(?: (\d{1,16}))?$`)
	minuteName  = regexp.MustCompile(`^m\d{1,12}$`)
	changeName  = regexp.MustCompile(`^e\d{1,16}$`)
)

// Parse reads the hash. It returns nil if there is no history, and ignores what is none of its fields.
func Parse(fields map[string]string) *Journal {
	j := &Journal{Series: fields[seriesField]}
	now, ok := parse(nowField, fields[nowField])
	base, hasBase := parse(baseField, fields[baseField])
	if !ok || !hasBase || j.Series == "" {
		return nil
	}
	j.Now, j.Base, j.BaseAt = now, base, base.At
	for name, text := range fields {
		if !minuteName.MatchString(name) && !changeName.MatchString(name) {
			continue
		}
		if o, ok := parse(name, text); ok {
			j.Observations = append(j.Observations, o)
		}
	}
	// The newest one stands alone where a change had no room.
	if !slices.ContainsFunc(j.Observations, func(o Observation) bool { return o.Number == now.Number }) {
		j.Observations = append(j.Observations, now)
	}
	slices.SortFunc(j.Observations, func(a, b Observation) int { return int(max(-1, min(1, a.Number-b.Number))) })
	return j
}

func parse(field, text string) (o Observation, ok bool) {
	m := observation.FindStringSubmatch(text)
	if m == nil {
		return o, false
	}
	o.Field = field
	var fourth int64
	var errs [4]error
	o.Number, errs[0] = strconv.ParseInt(m[1], 10, 64)
	o.Visits, errs[1] = strconv.ParseInt(m[2], 10, 64)
	o.Counter, errs[2] = strconv.ParseInt(m[3], 10, 64)
	if m[4] != "" {
		fourth, errs[3] = strconv.ParseInt(m[4], 10, 64)
	}
	for _, err := range errs {
		if err != nil {
			return o, false
		}
	}
	switch field[0] {
	case 'm':
		o.Minute, _ = strconv.ParseInt(strings.TrimPrefix(field, "m"), 10, 64)
		o.At = time.Unix(o.Minute*60, 0).UTC()
	case 'e', 'b':
		o.At = time.UnixMilli(min(fourth, math.MaxInt64/2)).UTC()
		o.Minute, o.Changed = o.At.Unix()/60, field[0] == 'e'
	default:
		o.Minute = fourth
		o.At = time.Unix(o.Minute*60, 0).UTC()
	}
	return o, true
}

// String is the observation as the hash has it, without its time.
func (o Observation) String() string { return fmt.Sprintf("%d %d %d", o.Number, o.Visits, o.Counter) }
