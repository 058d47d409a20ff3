package console

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"stackctl.dev/stackctl/internal/store"
)

// lab is a Redis in memory whose connections can be cut.
type lab struct {
	*miniredis.Miniredis
	t     *testing.T
	mu    sync.Mutex
	conns []net.Conn
}

func newLab(t *testing.T) (*lab, *Session) {
	t.Helper()
	l := &lab{Miniredis: miniredis.RunT(t), t: t}
	s := New(l.dial, 0)
	t.Cleanup(func() { _ = s.Close() })
	return l, s
}

func (l *lab) dial(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr())
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
	}
	return conn, err
}

// cut breaks all connections.
func (l *lab) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func do(t *testing.T, s *Session, line string) store.Reply {
	t.Helper()
	reply, err := s.Run(t.Context(), strings.Fields(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return reply
}

func fails(t *testing.T, s *Session, line string, want error) {
	t.Helper()
	if _, err := s.Run(t.Context(), strings.Fields(line)); !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", line, err, want)
	}
}

// lose cuts the connection and has the session notice: that command's outcome is unknown.
func lose(t *testing.T, l *lab, s *Session) {
	t.Helper()
	l.cut()
	if _, err := s.Do(t.Context(), []string{"PING"}); err == nil {
		t.Fatal("a cut connection answers")
	}
}

func TestEverythingIsInTheSelectedDatabase(t *testing.T) {
	l, s := newLab(t)
	_ = l.DB(0).Set("visits", "7")
	_ = l.DB(3).Set("visits", "99")
	do(t, s, "SELECT 3")
	if s.Prompt() != "redis[3]> " {
		t.Errorf("prompt %q", s.Prompt())
	}
	do(t, s, "DEL visits")
	if got, _ := l.DB(0).Get("visits"); got != "7" || l.DB(3).Exists("visits") {
		t.Errorf("database 0 has %q", got)
	}
	if text, err := s.Undo(t.Context()); err != nil || text != "visits: 0 -> 99" {
		t.Errorf("%q, %v", text, err)
	}
	lose(t, l, s)
	if got := do(t, s, "GET visits"); got.Text != "99" {
		t.Errorf("after a reconnect: %+v", got)
	}
}

func TestANewSessionBeginsInItsDatabase(t *testing.T) {
	l, _ := newLab(t)
	s := New(l.dial, 2)
	defer s.Close()
	do(t, s, "SET a 1")
	if !l.DB(2).Exists("a") {
		t.Error("it is in another database")
	}
}

func TestASelectInATransactionCountsWhenItIsCarriedOut(t *testing.T) {
	_, s := newLab(t)
	do(t, s, "MULTI")
	do(t, s, "SELECT 4")
	if s.Prompt() != "redis(TX)> " {
		t.Errorf("prompt %q", s.Prompt())
	}
	do(t, s, "EXEC")
	if s.Prompt() != "redis[4]> " {
		t.Errorf("prompt %q", s.Prompt())
	}
	do(t, s, "MULTI")
	do(t, s, "SELECT 1")
	do(t, s, "DISCARD")
	if s.Prompt() != "redis[4]> " {
		t.Errorf("prompt %q", s.Prompt())
	}
}

func TestWhatIsLostWithTheConnectionIsSaidOnce(t *testing.T) {
	for _, begin := range []string{"MULTI", "WATCH a"} {
		l, s := newLab(t)
		do(t, s, begin)
		lose(t, l, s)
		fails(t, s, "SET a 1", ErrStateLost)
		if l.Exists("a") {
			t.Errorf("after a lost %s the next command was sent", begin)
		}
		do(t, s, "SET a 1")
	}
	l, s := newLab(t)
	l.RequireUserAuth("ann", "secret")
	if reply := do(t, s, "AUTH ann secret"); reply.Text != "OK" {
		t.Fatalf("%+v", reply)
	}
	lose(t, l, s)
	fails(t, s, "SET a 1", ErrStateLost)
}

func TestNoCommandIsSentTwice(t *testing.T) {
	l, s := newLab(t)
	do(t, s, "INCR a")
	lose(t, l, s)
	do(t, s, "INCR a")
	if got, _ := l.Get("a"); got != "2" {
		t.Errorf("a is %s", got)
	}
	l.cut()
	_, err := s.Run(t.Context(), []string{"INCR", "a"})
	if err == nil || !strings.Contains(err.Error(), "it is unknown whether Redis ran it") {
		t.Errorf("%v", err)
	}
}

func TestStream(t *testing.T) {
	l, s := newLab(t)
	if _, err := s.Do(t.Context(), []string{"SUBSCRIBE", "news"}); err == nil {
		t.Error("Do takes a command that is answered with a stream")
	}
	do(t, s, "MULTI")
	if err := s.Stream(t.Context(), []string{"SUBSCRIBE", "news"}, nil); err == nil {
		t.Error("a stream begins within a transaction")
	}
	do(t, s, "DISCARD")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	got := 0
	err := s.Stream(ctx, []string{"SUBSCRIBE", "news"}, func(r store.Reply) error {
		if got++; got == 1 {
			go l.Publish("news", "hello")
			return nil
		}
		if r.Elems[2].Text != "hello" {
			t.Errorf("%+v", r)
		}
		return errors.New("enough")
	})
	if err == nil || err.Error() != "enough" {
		t.Errorf("%v", err)
	}
	do(t, s, "PING") // the connection was made again
	if err := s.Stream(ctx, []string{"SUBSCRIBE", "news"}, func(store.Reply) error { return errors.New("at once") }); err == nil {
		t.Error("an error of emit is lost")
	}
	do(t, s, "PING")
}

func TestCommandsTakeTurns(t *testing.T) {
	_, s := newLab(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				if reply, err := s.Run(t.Context(), []string{"ECHO", "a"}); err != nil || reply.Text != "a" {
					t.Errorf("%+v, %v", reply, err)
				}
				_, _, _ = s.Keys(t.Context(), "*", 10)
			}
		})
	}
	group.Wait()
}

func TestUndoGivesBackWhatWasRemoved(t *testing.T) {
	l, s := newLab(t)
	if _, err := s.Undo(t.Context()); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("%v", err)
	}
	_ = l.Set("a", "1")
	_ = l.Set("h", "2")
	l.SetTTL("a", time.Hour)
	if reply := do(t, s, "DEL a h none"); reply.Int != 2 {
		t.Fatalf("%+v", reply)
	}
	_ = l.Set("h", "created in between")
	text, err := s.Undo(t.Context())
	if err != nil || text != "restored a; not changed, because they exist again: h" {
		t.Errorf("%q, %v", text, err)
	}
	if got, _ := l.Get("a"); got != "1" || l.TTL("a") < 59*time.Minute {
		t.Errorf("a is %q for %v", got, l.TTL("a"))
	}
	if _, err := s.Undo(t.Context()); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("it is undone twice: %v", err)
	}
}

func TestWhatIsDangerous(t *testing.T) {
	_, s := newLab(t)
	for line, want := range map[string]bool{
		"GET a": false, "DEL a": true, "unlink a": true, "FLUSHALL": true, "KEYS *": false, "INFO": false, "CONFIG GET x": false, "CONFIG SET x y": true,
		"SHUTDOWN": true, "SET a 1": false, "MONITOR": false, "NOSUCH": false, "": false,
	} {
		if got := s.Danger(strings.Fields(line)); got != want {
			t.Errorf("%q dangerous: %v", line, got)
		}
	}
	for line, want := range map[string]bool{"GET a": true, "SET a 1": false, "EVAL x 0": false, "PING": true, "SCAN 0": true, "NOSUCH": false, "CONFIG SET a b": false, "INFO": true} {
		if got := s.ReadsOnly(strings.Fields(line)); got != want {
			t.Errorf("%q reads only: %v", line, got)
		}
	}
}

func TestCompleteAndHint(t *testing.T) {
	_, s := newLab(t)
	for _, c := range []struct {
		line, first string
		from        int
		keys        bool
		prefix      string
	}{
		{"ge", "GET", 0, false, ""},
		{"config s", "CONFIG SET"[7:], 7, false, ""},
		{"GET vis", "", 4, true, "vis"},
		{`DEL a "b c`, "", 6, true, "b c"},
		{"SET a v", "", 6, false, ""},
		{"nosuch a", "", 7, false, ""},
	} {
		got := s.Complete(c.line)
		first := ""
		if len(got.Candidates) > 0 {
			first = got.Candidates[0].Text
		}
		if first != c.first || got.From != c.from || got.WantKeys != c.keys || got.Prefix != c.prefix {
			t.Errorf("%q: %q %+v", c.line, first, got)
		}
	}
	for line, want := range map[string]string{
		"GET ": "key", "SET ": "key value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]", "SET a ": "value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]",
		"DEL a ": "[key ...]", "CONFIG GET ": "parameter [parameter ...]", "GET": "", `GET "a`: "", "nosuch ": "",
	} {
		if got := s.Hint(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	for word, want := range map[string]string{"a": "a", "": `""`, "a b": `"a b"`, `a"`: `"a\""`, "ü": `"\xc3\xbc"`} {
		if got := Quote(word); got != want {
			t.Errorf("%q: %s", word, got)
		}
	}
}

func TestKeysWithTypeAndTTL(t *testing.T) {
	l, s := newLab(t)
	_ = l.Set("a*b", "1")
	_ = l.Set("axb", "1")
	l.HSet("h", "f", "v")
	l.SetTTL("h", time.Minute)
	keys, complete, err := s.Keys(t.Context(), Prefix("a*"), 10)
	if err != nil || !complete || len(keys) != 1 || keys[0].Key != "a*b" || keys[0].Type != "string" || keys[0].TTL >= 0 {
		t.Errorf("%+v %v %v", keys, complete, err)
	}
	keys, _, _ = s.Keys(t.Context(), "h", 10)
	if len(keys) != 1 || keys[0].TTL <= 0 || keys[0].Type != "hash" {
		t.Errorf("%+v", keys)
	}
}
