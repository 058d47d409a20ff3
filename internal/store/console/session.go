// Package console is a Redis console without a screen: a session that runs any command, knows the server's commands, completes lines,
// says which commands to confirm, and can undo the last removal.
package console

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"stackctl.dev/stackctl/internal/store"
)

// Session runs commands on one connection, which is opened for the first command and again after it was lost. No command is ever sent
// twice. Commands run one at a time, so a Session is safe for concurrent use; Prompt shows the state after the last finished command.
type Session struct {
	turn     chan struct{} // holds a token while the connection is not in use
	dial     store.Dialer
	opts     []store.Option
	conn     *store.Conn
	commands *commandTable
	loaded   bool // the server's commands are in the table
	undo     *undo

	clientMu sync.Mutex
	client   *store.Client // a second connection, for the console's own reads, in the same database

	db       int
	queuedDB int // of a SELECT in the transaction
	resp3    bool
	multi    bool
	watching bool // WATCH
	loggedIn bool // AUTH was typed: the session does not keep the password
}

// New returns a session in database db; it does not dial yet.
func New(dial store.Dialer, db int, opts ...store.Option) *Session {
	s := &Session{dial: dial, opts: opts, commands: builtin(), turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	s.selectDB(db)
	return s
}

// selectDB makes db the database of the session and of its client.
func (s *Session) selectDB(db int) {
	s.clientMu.Lock()
	defer s.clientMu.Unlock()
	if s.client != nil {
		if s.db == db {
			return
		}
		_ = s.client.Close()
	}
	s.db, s.client = db, store.Open(s.dial, s.in(db)...)
}

func (s *Session) in(db int) []store.Option {
	return append(s.opts[:len(s.opts):len(s.opts)], store.WithDB(db))
}

// side returns the client for reads that may run at the same time as a command.
func (s *Session) side() *store.Client {
	s.clientMu.Lock()
	defer s.clientMu.Unlock()
	return s.client
}

// Close closes the connections, after the current command has ended.
func (s *Session) Close() error {
	err := s.side().Close()
	<-s.turn // the current command ends with its context
	defer s.give()
	if s.conn != nil {
		err = errors.Join(err, s.conn.Close())
	}
	return err
}

// ErrStateLost says that the connection was lost, and with it a state that the command relies on: the command was not sent.
var ErrStateLost = errors.New("the connection was lost")

// Prompt returns redis-cli's prompt: with the database if it is not 0, and with (TX) in a transaction.
func (s *Session) Prompt() string {
	text := "redis"
	if s.db != 0 {
		text += "[" + strconv.Itoa(s.db) + "]"
	}
	if s.multi {
		text += "(TX)"
	}
	return text + "> "
}

// Do sends a command and returns its reply; an error reply of Redis is a reply. An error means that there is no reply; if it is unknown
// whether Redis ran the command, the error says so. Commands that are answered with a stream need Stream.
func (s *Session) Do(ctx context.Context, args []string) (store.Reply, error) {
	if err := s.take(ctx); err != nil {
		return store.Reply{}, err
	}
	defer s.give()
	return s.do(ctx, args)
}

// take waits for the turn to use the connection; give ends it.
func (s *Session) take(ctx context.Context) error {
	select {
	case <-s.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Session) give() { s.turn <- struct{}{} }

// do is Do for callers that have the turn.
func (s *Session) do(ctx context.Context, args []string) (store.Reply, error) {
	if store.Streams(args) {
		return store.Reply{}, fmt.Errorf("sending %q: it is answered with a stream of messages", args[0])
	}
	return s.send(ctx, args)
}

func (s *Session) send(ctx context.Context, args []string) (store.Reply, error) {
	if len(args) == 0 {
		return store.Reply{}, errors.New("sending command: there is no command; type one, such as PING")
	}
	if err := s.connect(ctx); err != nil {
		return store.Reply{}, err
	}
	reply, err := s.conn.Do(ctx, args...)
	if err != nil {
		if s.conn.Err() != nil && !s.ReadsOnly(args) {
			err = fmt.Errorf("%w; it is unknown whether Redis ran it", err)
		}
		return store.Reply{}, err
	}
	s.follow(args, reply)
	return reply, nil
}

// connect opens a connection unless there is a working one, with the settings of the old one. If those included a transaction, watched
// keys or a login, which cannot be restored, it returns ErrStateLost once.
func (s *Session) connect(ctx context.Context) error {
	if s.conn != nil && s.conn.Err() == nil {
		return nil
	}
	s.conn = nil
	lost := ""
	switch {
	case s.multi:
		lost = "and with it the transaction; begin it again with MULTI"
	case s.watching:
		lost = "and with it the watched keys; begin again with WATCH"
	case s.loggedIn:
		lost = "and with it the login; log in again with AUTH"
	}
	s.multi, s.watching, s.loggedIn = false, false, false
	if lost != "" {
		return fmt.Errorf("%w, %s", ErrStateLost, lost)
	}
	conn, err := store.Connect(ctx, s.dial, s.in(s.db)...)
	if err != nil {
		return err
	}
	if s.resp3 {
		reply, err := conn.Do(ctx, "HELLO", "3")
		if err == nil {
			err = reply.Err()
		}
		if err != nil {
			_ = conn.Close()
			return fmt.Errorf("connecting to redis: HELLO 3: %w", err)
		}
	}
	s.conn = conn
	return nil
}

// follow records how a command changed the connection's state.
func (s *Session) follow(args []string, reply store.Reply) {
	name := strings.ToUpper(args[0])
	if reply.Kind == store.Error {
		if name == "EXEC" { // EXECABORT ends the transaction too
			s.multi, s.watching = false, false
		}
		return
	}
	queued := reply.Kind == store.Status && reply.Text == "QUEUED"
	switch name {
	case "MULTI":
		s.multi, s.queuedDB = true, s.db
	case "EXEC", "DISCARD":
		if name == "EXEC" && reply.Kind == store.Array {
			s.selectDB(s.queuedDB)
		}
		s.multi, s.watching = false, false
	case "WATCH", "UNWATCH":
		s.watching = name == "WATCH" && !queued
	case "AUTH":
		s.loggedIn = true
	case "SELECT":
		if n, err := strconv.Atoi(args[1]); err == nil && queued {
			s.queuedDB = n
		} else if err == nil {
			s.selectDB(n)
		}
	case "HELLO":
		if len(args) > 1 {
			s.resp3 = args[1] == "3"
			s.loggedIn = s.loggedIn || len(args) > 2
		}
	case "RESET":
		s.multi, s.watching, s.resp3, s.loggedIn = false, false, false, false
		s.selectDB(0)
		// It ended the login too, which the dialer or the options bring: a new connection is the same, and has it.
		_ = s.conn.Close()
	case "QUIT":
		_ = s.conn.Close()
	}
}

// InTransaction reports whether a transaction is open.
func (s *Session) InTransaction() bool { return s.multi }

// Stream sends a command that is answered with a stream of messages (SUBSCRIBE, MONITOR), and passes each to emit until ctx ends or emit
// fails. It closes the connection afterwards: the next command opens a new one.
func (s *Session) Stream(ctx context.Context, args []string, emit func(store.Reply) error) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	if s.multi {
		return fmt.Errorf("sending %q: a transaction is open; end it with EXEC or DISCARD", args[0])
	}
	message, err := s.send(ctx, args)
	if err != nil {
		return err
	}
	if message.Kind == store.Error {
		return emit(message)
	}
	defer func() {
		_ = s.conn.Close()
		s.conn = nil
	}()
	for {
		if err := emit(message); err != nil {
			return err
		}
		if message, err = s.conn.Receive(ctx); err != nil {
			return err
		}
	}
}
