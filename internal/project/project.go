// Package project has the verbs that change a stack, each once, for both the command line and the dashboard. No other package has the
// rules that the verbs share: when the project's lock is held, what is added to the history, which Compose files may change a project,
// and which settings of a running stack are kept.
//
// A verb holds the lock from its first request to the engine until its history entry is written. Verbs that only read (Plan and the
// other dry runs, History) neither lock nor write. See rules_test.go for the table of all verbs.
package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/lock"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// Engine is the part of an engine that the verbs use.
type Engine interface {
	apply.Engine
	images.Engine
	// Local reports whether the engine's published ports are those of this machine.
	Local() bool
	// DialService connects to an address in the project's network, such as redis:6379.
	DialService(ctx context.Context, project, address string) (net.Conn, error)
	// StoreAddress and StoreLogin say where the project's Redis is, and whom to log in as.
	StoreAddress(ctx context.Context, project string) (string, error)
	StoreLogin(ctx context.Context, project string) (user, password string, err error)
	// Pipe runs a command in a container, whose standard input is in, which may be nil, and whose standard output goes to out. problem is the
	// beginning of its standard error.
	Pipe(ctx context.Context, id string, command []string, in io.Reader, out io.Writer) (problem string, exitCode int, err error)
}

// Files are the Compose files that flags and environment name.
type Files interface {
	// Read parses them. The settings' variables win over the environment.
	Read(ctx context.Context, chosen stack.Settings) (*stack.Stack, error)
	// Embedded reports whether none is named, so that the embedded stack is used.
	Embedded(ctx context.Context) (bool, error)
}

// Project is one project of one engine.
type Project struct {
	Name    string
	Engine  Engine
	Address string // of the engine: the lock is for one project of one engine
	Files   Files
	Images  images.Options // where images come from; a verb's options are added
	// Sink gets what is done, as it is done; nil drops it.
	Sink report.Sink
	// Agree asks a person a question: it returns nil if the answer is yes, and ErrNobody if nobody can answer. A nil Agree is the same
	// as ErrNobody.
	Agree func(ctx context.Context, question string) error

	agreed, refused bool // to change the project by other Compose files
}

// ErrNobody says that no person can be asked.
var ErrNobody = errors.New("there is nobody to ask")

// Result is what a verb did.
type Result struct {
	Changed  bool
	Kept     int // containers that were not changed
	Warnings []string
	URLs     []string // of the stack
	Took     time.Duration
}

// send sends an event to the sink, if there is one.
func (p *Project) send(e report.Event) {
	if p.Sink != nil {
		p.Sink(e)
	}
}

// say sends a message for people.
func (p *Project) say(format string, args ...any) {
	p.send(report.Event{Kind: report.Message, Object: p.Name, Detail: fmt.Sprintf(format, args...)})
}

func (p *Project) lock(ctx context.Context) (unlock func(), err error) {
	return lock.Acquire(ctx, p.Address, p.Name, func() {
		p.send(report.Event{
			Kind: report.Warning, Verb: "lock project", Object: p.Name,
			Detail: "another stackctl is changing this project; waiting for it to finish",
		})
	})
}

// change runs the work of a verb that changes something: it holds the lock, and adds what was done to the history under the command's
// name, even if it failed. Without a command nothing is added.
func (p *Project) change(ctx context.Context, command func() string, work func() (*steps.Plan, error)) (Result, error) {
	begin := time.Now()
	unlock, err := p.lock(ctx)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	plan, err := work()
	if command != nil && plan != nil && !plan.Empty() {
		p.remember(ctx, command(), begin, plan, err)
	}
	result := Result{Took: time.Since(begin)}
	if plan != nil {
		result.Changed, result.Kept, result.Warnings = !plan.Empty(), plan.Kept, plan.Warnings
	}
	return result, err
}

// Cards returns a card for each unhealthy container, after a verb failed with err. If the user refused the change, there are none.
func (p *Project) Cards(ctx context.Context, err error) []orchestrate.Card {
	if p.refused {
		return nil
	}
	if undone := (*orchestrate.UndoneError)(nil); errors.As(err, &undone) {
		return undone.Cards
	}
	return orchestrate.Cards(ctx, p.Engine, p.Name)
}
