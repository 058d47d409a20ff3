package logpane

import (
	"bytes"
	"net/http"
)

// level is how much a line matters, as it says itself.
type level uint8

const (
	notLooked level = iota
	calm            // information, debugging, or nothing said
	warning
	limited // a warning with a sign of its own: a rate limit refused the request
	failure
)

// lookAt is how much of a line is looked at: levels stand at its beginning, and a status behind what was asked for.
const lookAt = 1024

// levelOf finds the level that a line has: of slog and other JSON ("level", "status"), Redis (its # mark), nginx and access logs (status,
// [error]), and the usual words. That a line came on stderr says nothing.
func levelOf(text []byte) level {
	text = text[:min(len(text), lookAt)]
	if len(text) == 0 {
		return calm
	}
	if text[0] == '{' {
		return levelOfJSON(text)
	}
	if l, ok := levelOfRedis(text); ok {
		return l
	}
	if status, ok := accessStatus(text); ok {
		return levelOfStatus(status)
	}
	return levelOfWords(text)
}

var (
	levelKey  = []byte(`"level":"`)
	statusKey = []byte(`"status":`)
)

func levelOfJSON(text []byte) level {
	found := calm
	if i := bytes.Index(text, levelKey); i >= 0 {
		found = levelOfWord(text[i+len(levelKey):])
	}
	if i := bytes.Index(text, statusKey); i >= 0 {
		if status, ok := threeDigits(text[i+len(statusKey):]); ok {
			found = max(found, levelOfStatus(status))
		}
	}
	return found
}

func levelOfStatus(status int) level {
	switch {
	case status >= 500:
		return failure
	case status == http.StatusTooManyRequests:
		return limited
	case status >= 400:
		return warning
	}
	return calm
}

// levelOfRedis reads a line such as "1:M 25 Nov 2026 17:27:08.013 # text": the mark after the time is . - * or #.
func levelOfRedis(text []byte) (level, bool) {
	digits := 0
	for digits < len(text) && digits < 10 && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	if digits == 0 || len(text) < digits+3 || text[digits] != ':' || !bytes.ContainsRune([]byte("MSCXR"), rune(text[digits+1])) || text[digits+2] != ' ' {
		return calm, false
	}
	rest := text[digits+3:]
	for range 4 { // day, month, year, time
		i := bytes.IndexByte(rest[:min(len(rest), 20)], ' ')
		if i < 0 {
			return calm, false
		}
		rest = rest[i+1:]
	}
	if len(rest) < 2 || rest[1] != ' ' {
		return calm, false
	}
	switch rest[0] {
	case '#':
		return warning, true
	case '*', '-', '.':
		return calm, true
	}
	return calm, false
}

var requestEnd = []byte(` HTTP/`)

// accessStatus reads the status of an access log's line: "GET /count HTTP/1.1" 200 38
func accessStatus(text []byte) (int, bool) {
	i := bytes.Index(text, requestEnd)
	if i < 0 {
		return 0, false
	}
	rest := text[i+len(requestEnd):]
	end := bytes.Index(rest[:min(len(rest), 6)], []byte(`" `))
	if end < 0 {
		return 0, false
	}
	return threeDigits(rest[end+2:])
}

func threeDigits(text []byte) (int, bool) {
	n := 0
	for i, c := range text {
		if c == ' ' && n == 0 {
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
		if i > 8 || n > 999 {
			return 0, false
		}
	}
	return n, n >= 100
}

// wordsWithin is where the usual words are looked for.
const wordsWithin = 200

// levelOfWords looks for a word in capitals, level=warn, or [warn].
func levelOfWords(text []byte) level {
	text = text[:min(len(text), wordsWithin)]
	found := calm
	for i := range text {
		switch text[i] {
		case 'E', 'F', 'P', 'C', 'W', 'A':
			if i == 0 || !letter(text[i-1]) {
				found = max(found, levelOfCapitals(text[i:]))
			}
		case '[', '=':
			found = max(found, levelOfWord(text[i+1:]))
		case 'p':
			if i == 0 && bytes.HasPrefix(text, []byte("panic:")) {
				return failure
			}
		}
	}
	return found
}

func levelOfCapitals(text []byte) level {
	end := 0
	for end < len(text) && end < 10 && text[end] >= 'A' && text[end] <= 'Z' {
		end++
	}
	if end < len(text) && letter(text[end]) {
		return calm
	}
	return levelOfWord(text[:end])
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

// levelOfWord reads the word at the beginning of text, whatever its case.
func levelOfWord(text []byte) level {
	end := 0
	for end < len(text) && end < 10 && letter(text[end]) {
		end++
	}
	var word [10]byte
	for i, c := range text[:end] {
		word[i] = c | 0x20
	}
	switch string(word[:end]) {
	case "error", "err", "fatal", "panic", "crit", "critical", "emerg", "alert", "dpanic":
		return failure
	case "warn", "warning":
		return warning
	}
	return calm
}
