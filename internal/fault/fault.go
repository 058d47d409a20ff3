// Package fault lists what can be wrong with the visit counter in Redis: the state in words, how a visitor's request is answered, and
// what the operator can do. The page, the web tier's log and the commands all use these words.
package fault

import (
	"errors"
	"strings"
)

// Fault is a state in which Redis answers, but visits cannot be counted.
type Fault struct {
	Name  string // one or two words, for programs
	State string // what is wrong: a sentence without its full stop
	Fix   string // what the operator can do, beginning with a command or a verb
	// Lasts says that retrying does not help, so that a visitor gets an error at once.
	Lasts bool

	signs []string // parts of Redis's error replies
}

// All are the faults. An error reply means the first fault of which it has a sign.
var All = []*Fault{NotANumber, Full, ReadOnly, NoReplicas, NoMemory, CannotSave, WrongPassword, NoAccess, Loading}

// The states.
var (
	NotANumber = &Fault{
		Name: "not a number", State: "The visit counter holds something that is not a number", Lasts: true,
		Fix:   "`stackctl reset` puts it aside and counts from 0",
		signs: []string{"WRONGTYPE", "not an integer"},
	}
	Full = &Fault{
		Name: "full", State: "The visit counter has reached the greatest number that Redis can hold", Lasts: true,
		Fix:   "`stackctl reset` puts it aside and counts from 0",
		signs: []string{"would overflow"},
	}
	ReadOnly = &Fault{
		Name: "read-only", State: "Redis is a replica of another one and takes no writes",
		Fix:   "`stackctl redis REPLICAOF NO ONE` makes it the master",
		signs: []string{"READONLY"},
	}
	NoReplicas = &Fault{
		Name: "no replicas", State: "Redis takes no writes because it has fewer replicas than min-replicas-to-write",
		Fix:   "start replicas, or `stackctl redis CONFIG SET min-replicas-to-write 0`",
		signs: []string{"NOREPLICAS"},
	}
	NoMemory = &Fault{
		Name: "out of memory", State: "Redis takes no writes because it uses as much memory as maxmemory allows",
		Fix:   "remove keys with `stackctl del`, or raise it with `stackctl redis CONFIG SET maxmemory 128mb`",
		signs: []string{"OOM "},
	}
	CannotSave = &Fault{
		Name: "cannot save", State: "Redis takes no writes because it cannot save to disk",
		Fix:   "free disk space; `stackctl logs redis` has the reason",
		signs: []string{"MISCONF"},
	}
	WrongPassword = &Fault{
		Name: "wrong password", State: "Redis does not accept the user and password",
		Fix:   "`stackctl up` gives Redis and the web tier the same ones",
		signs: []string{"WRONGPASS"},
	}
	NoAccess = &Fault{
		Name: "no access", State: "Redis does not let the user do this",
		Fix:   "`stackctl up` gives users their rights; with your own Compose file, log in, or give the user access to the keys that begin with visits and {visits}",
		signs: []string{"NOAUTH", "NOPERM"},
	}
	Loading = &Fault{
		Name: "loading", State: "Redis is loading its data",
		Fix:   "wait; `stackctl logs redis` shows how far it is",
		signs: []string{"LOADING", "MASTERDOWN", "BUSY "},
	}
	// Away is the state in which Redis does not answer at all.
	Away = &Fault{Name: "away", State: "Redis is unavailable", Fix: "`stackctl ps -a` shows its container, `stackctl logs redis` why it ended; `stackctl up` starts it again"}
)

// Of returns the fault that an error is or wraps, or else the one that its error reply of Redis means. It returns nil for an error
// without such a reply, and for an unknown reply.
func Of(err error) *Fault {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known.Fault
	}
	var reply interface {
		error
		RedisError() // marks an error reply in go-redis
	}
	if !errors.As(err, &reply) {
		return nil
	}
	for _, f := range All {
		for _, sign := range f.signs {
			if strings.Contains(reply.Error(), sign) {
				return f
			}
		}
	}
	return nil
}

// Explain adds the fault's words to an error that has one, and returns any other unchanged.
func Explain(err error) error {
	if f := Of(err); f != nil && !errors.As(err, new(*Error)) {
		return &Error{f, err}
	}
	return err
}

// Error is an error whose fault is known.
type Error struct {
	*Fault
	err error // nil if the fault was found in a value, not in an error
}

// New returns an error for a fault that was found in a value.
func New(f *Fault) *Error { return &Error{f, nil} }

func (e *Error) Error() string {
	text := e.State + "; " + e.Fix
	if e.err != nil {
		text += " (" + e.err.Error() + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.err }
