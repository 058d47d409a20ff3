// Package fault is the table of what can be wrong with the visit counter in Redis: the state in words, what a visitor is
// answered, and what the operator does about it. The page, the web tier's log and the commands all use its words.
package fault

import (
	"errors"
	"strings"
)

// Fault is one state in which nothing can be counted, though Redis answers.
type Fault struct {
	Name  string // one word or two, for programs
	State string // what is wrong: a sentence without its full stop
	Fix   string // what the operator does, beginning with a command or a verb
	// Lasts says that trying again does not help: a visitor is told at once.
	Lasts bool

	signs []string // parts of Redis's error replies
}

// All is the table. An error reply is of the first fault of which it has a sign.
var All = []*Fault{NotANumber, Full, ReadOnly, NoReplicas, NoMemory, CannotSave, NoAccess, Loading}

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
	NoAccess = &Fault{
		Name: "no access", State: "Redis does not let the counter in",
		Fix:   "give its user access to the keys that begin with visits and {visits}",
		signs: []string{"NOAUTH", "WRONGPASS", "NOPERM"},
	}
	Loading = &Fault{
		Name: "loading", State: "Redis is loading its data",
		Fix:   "wait; `stackctl logs redis` shows how far it is",
		signs: []string{"LOADING", "MASTERDOWN", "BUSY "},
	}
	// Away is for what is no answer of Redis at all.
	Away = &Fault{Name: "away", State: "Redis is unavailable", Fix: "`stackctl ps -a` shows its container, `stackctl logs redis` why it ended; `stackctl up` starts it again"}
)

// Of finds the fault of an error: one that is or wraps a fault, else by Redis's words in it. It is nil for an error that has no
// reply of Redis, or one that the table does not know.
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
		RedisError() // marks an error reply, as go-redis has it
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

// Explain puts the fault's words before an error that has one, and leaves any other as it is.
func Explain(err error) error {
	if f := Of(err); f != nil && !errors.As(err, new(*Error)) {
		return &Error{f, err}
	}
	return err
}

// Error is an error whose fault is known.
type Error struct {
	*Fault
	err error // nil where it was seen in a value, not in an error
}

// New makes an error of a fault that was seen in a value.
func New(f *Fault) *Error { return &Error{f, nil} }

func (e *Error) Error() string {
	text := e.State + "; " + e.Fix
	if e.err != nil {
		text += " (" + e.err.Error() + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.err }
