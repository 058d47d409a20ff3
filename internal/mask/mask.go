// Package mask hides secrets in settings and commands that are shown.
package mask

import (
	"regexp"
	"slices"
	"strings"
)

// Hidden replaces a secret.
const Hidden = "••••••"

// secretWords are the parts of names of secret settings. Hiding too much is better than too little.
var secretWords = []string{"PASS", "PWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PRIVATE", "DSN", "COOKIE", "SALT", "CONNECTION_STRING", "CONNSTR"}

func isSecret(name string) bool {
	name = strings.ToUpper(name)
	if name == "PWD" || name == "OLDPWD" { // the shell's folders
		return false
	}
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// Setting returns the value of NAME=value, hidden if the name is that of a secret, and otherwise without the secrets in it.
func Setting(name, value string) string {
	if isSecret(name) && value != "" {
		return Hidden
	}
	return Text(value)
}

var (
	// Greedy, because a password may contain a / or @ that somebody forgot to escape.
	userPassword = regexp.MustCompile(`(://[^\s:/@]*):\S+@`)
	userToken    = regexp.MustCompile(`://[^\s:/@]{16,}@`)
	assignment   = regexp.MustCompile(`([A-Za-z0-9_.\-]+)=([^\s&;,'"]+)`)
)

// Text hides passwords in URLs and the values of assignments to secret names anywhere in a text.
func Text(text string) string {
	text = userPassword.ReplaceAllString(text, "$1:"+Hidden+"@")
	text = userToken.ReplaceAllString(text, "://"+Hidden+"@")
	return assignment.ReplaceAllStringFunc(text, func(found string) string {
		name, _, _ := strings.Cut(found, "=")
		if isSecret(name) {
			return name + "=" + Hidden
		}
		return found
	})
}

// flagValue matches a flag and the word after it, inside a shell command.
var flagValue = regexp.MustCompile(`(--?[A-Za-z0-9_\-]+)(\s+)([^\s\-]\S*)`)

// Command hides secrets in a command's words: --password=x, and the word after --requirepass.
func Command(words []string) string {
	shown := make([]string, len(words))
	for i, word := range words {
		name, value, assigned := strings.Cut(word, "=")
		switch {
		case i > 0 && takesSecret(words[i-1], words) && !strings.HasPrefix(word, "-"):
			shown[i] = Hidden
		case assigned && value != "" && isSecret(name) && !strings.ContainsAny(name, " \t\n/"):
			shown[i] = name + "=" + Hidden
		default:
			shown[i] = flagValue.ReplaceAllStringFunc(Text(word), func(found string) string {
				m := flagValue.FindStringSubmatch(found)
				if takesSecret(m[1], []string{word}) {
					return m[1] + m[2] + Hidden
				}
				return found
			})
		}
	}
	return strings.Join(shown, " ")
}

// takesSecret reports whether a flag of the command is followed by a secret. Of one-letter flags it knows only redis-cli's -a.
func takesSecret(flag string, command []string) bool {
	if !strings.HasPrefix(flag, "-") || strings.Contains(flag, "=") {
		return false
	}
	if flag == "-a" {
		return slices.ContainsFunc(command, func(word string) bool { return strings.Contains(word, "redis-cli") })
	}
	return isSecret(flag)
}
