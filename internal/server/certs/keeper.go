package certs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
)

const (
	// issueTimeout bounds one attempt to get a pair.
	issueTimeout = 10 * time.Minute
	// longestSleep bounds a wait: a timer does not see that the machine slept or that its clock was set.
	longestSleep = time.Hour
	// maxError bounds the text of an error, which may be an issuer's, in bytes.
	maxError = 1000

	attemptsFile = privateDir + "/attempts.json"
)

// issuer is where pairs come from.
type issuer interface {
	// id says by what settings pairs are made: a pair of another id is replaced.
	id() string
	// issue gets a pair. The keeper checks its names and times. No error has anything of a key.
	issue(ctx context.Context) (*certificate.Pair, error)
	// next says when to ask again after an attempt at the time now that succeeded; p is the pair in use.
	next(p *certificate.Pair, now time.Time) time.Time
	// pause says how long to wait after so many failures in a row, the last of which is err.
	pause(failures int, err error) time.Duration
}

// attempts are kept, so that a tier that is restarted all the time does not ask an ACME issuer all the time. Others are no one else's, and
// are asked after each start: the user may have mended what was wrong.
type attempts struct {
	For      string    `json:"for"` // issuer.id: other settings are tried at once
	Failures int       `json:"failures"`
	Next     time.Time `json:"next"`
	Error    string    `json:"error"`
	At       time.Time `json:"at"`
}

// keeper keeps the pair in use good.
type keeper struct {
	cfg  Config
	dir  *folder
	from issuer
	log  *slog.Logger

	// Of run's goroutine alone.
	pair   *certificate.Pair // in use; nil for none
	mark   mark
	failed attempts
	next   time.Time // when the issuer is asked next

	mu       sync.Mutex
	status   certificate.Status
	failures int // of all attempts, for /metrics
}

func newKeeper(cfg Config, dir *folder, from issuer, log *slog.Logger) *keeper {
	return &keeper{cfg: cfg, dir: dir, from: from, log: log, status: certificate.Status{Configured: cfg.Issuer}}
}

// Status returns the state, also while an issuer is being asked.
func (k *keeper) Status() certificate.Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// failuresTotal counts the attempts that failed since the start.
func (k *keeper) failuresTotal() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failures
}

// run returns when ctx is done, or the folder cannot be used.
func (k *keeper) run(ctx context.Context) error {
	unlock, err := k.dir.lock(ctx, k.log)
	if err != nil {
		return err
	}
	defer unlock()
	if err := k.load(time.Now()); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if ctx.Err() != nil { // both were so
			return ctx.Err()
		}
		if !time.Now().Before(k.next) {
			k.attempt(ctx)
		}
		k.dir.prune(time.Now())
		timer.Reset(min(max(time.Until(k.next), 0), longestSleep))
	}
}

// load takes up what an earlier process left.
func (k *keeper) load(now time.Time) error {
	var err error
	if k.pair, k.mark, err = k.dir.current(); err != nil {
		k.log.Warn("pair not usable", "error", clip(err)) // it is replaced, like one that is not there
		k.pair = nil
	}
	content, err := k.dir.read(attemptsFile)
	if err != nil {
		return fmt.Errorf("reading the attempts so far: %w; delete the file", err)
	}
	_ = json.Unmarshal(content, &k.failed) // a damaged one is as none
	if k.failed.For != k.from.id() || k.cfg.Issuer != certificate.ACME {
		k.failed = attempts{}
	}
	if k.cfg.Issuer == certificate.ACME && (k.pair == nil || k.mark.Issuer == certificate.Placeholder && k.pair.Valid(k.cfg.Names, now) != nil) {
		if err := k.placeholder(now); err != nil {
			return err
		}
	}
	k.next = now
	switch {
	case k.failed.Failures > 0:
		// A clock that was set back does not make the wait longer than it was meant to be.
		k.next = k.failed.Next
		if limit := now.Add(longestPause); k.next.After(limit) {
			k.next = limit
		}
	case k.isWanted():
		k.next = k.from.next(k.pair, time.Time{})
	}
	k.publish(now)
	return nil
}

// isWanted reports whether the pair in use is one that the issuer makes by its present settings.
func (k *keeper) isWanted() bool { return k.pair != nil && k.mark.For == k.from.id() }

// placeholder takes a pair into use that is signed by itself, so that nginx answers at all.
func (k *keeper) placeholder(now time.Time) error {
	pair, err := selfSigned(k.cfg.Names, now)
	if err != nil {
		return err
	}
	m := mark{Issuer: certificate.Placeholder}
	if err := k.dir.install(pair, m); err != nil {
		return err
	}
	k.pair, k.mark = pair, m
	return nil
}

// attempt asks the issuer, and takes what it gives into use if it is good.
func (k *keeper) attempt(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, issueTimeout)
	defer cancel()
	pair, err := k.from.issue(asking)
	if ctx.Err() != nil {
		return // the tier ends: this was no failure of the issuer's
	}
	now := time.Now() // it may have taken minutes
	if err == nil {
		err = pair.Valid(k.cfg.Names, now)
	}
	if err == nil {
		err = k.use(pair)
	}
	if err != nil {
		k.fail(now, err)
	} else {
		k.failed = attempts{}
		k.next = k.from.next(k.pair, now)
		if err := k.dir.remove(attemptsFile); err != nil {
			k.log.Warn("attempts not kept", "error", clip(err))
		}
	}
	k.publish(now)
}

// use takes a pair into use, unless it is.
func (k *keeper) use(pair *certificate.Pair) error {
	if k.isWanted() && string(k.pair.ChainPEM()) == string(pair.ChainPEM()) {
		return nil
	}
	m := mark{Issuer: k.cfg.Issuer, For: k.from.id()}
	if err := k.dir.install(pair, m); err != nil {
		return err
	}
	k.pair, k.mark = pair, m
	k.mu.Lock()
	k.status.Renewals++
	k.mu.Unlock()
	k.log.Info("certificate in use", "issuer", m.Issuer, "names", pair.Names(), "not_after", pair.NotAfter().UTC(), "fingerprint", pair.Fingerprint())
	return nil
}

func (k *keeper) fail(now time.Time, err error) {
	text := clip(err)
	pause := k.from.pause(k.failed.Failures+1, err)
	again := text == k.failed.Error
	k.failed = attempts{For: k.from.id(), Failures: k.failed.Failures + 1, Next: now.Add(pause), Error: text, At: now}
	k.next = k.failed.Next
	level := slog.LevelWarn
	if again && k.cfg.Issuer == certificate.Files {
		level = slog.LevelDebug // the files are read twice a minute
	}
	k.log.Log(context.Background(), level, "certificate not renewed", "issuer", k.cfg.Issuer, "error", text, "failures", k.failed.Failures, "next", k.next.UTC())
	k.mu.Lock()
	k.failures++
	k.mu.Unlock()
	if k.cfg.Issuer != certificate.ACME {
		return
	}
	content, err := json.Marshal(k.failed)
	if err == nil {
		err = k.dir.write(attemptsFile, content, privateMode)
	}
	if err != nil {
		k.log.Warn("attempts not kept", "error", clip(err))
	}
}

// publish says how things are: in the folder and then, so that a tier that is healthy has said it, to /healthz and /metrics.
func (k *keeper) publish(now time.Time) {
	s := certificate.Status{
		Configured: k.cfg.Issuer, Names: []string{}, NextRenewal: k.next.UTC(), Renewals: k.Status().Renewals, Updated: now.UTC(),
		Failures: k.failed.Failures, LastError: k.failed.Error, LastErrorAt: k.failed.At.UTC(),
	}
	if p := k.pair; p != nil {
		s.Issuer, s.Names, s.Fingerprint, s.KeyKind = k.mark.Issuer, p.Names(), p.Fingerprint(), p.KeyKind()
		s.NotBefore, s.NotAfter = p.Leaf().NotBefore.UTC(), p.NotAfter().UTC()
	}
	if k.cfg.Issuer == certificate.Files {
		s.NextRenewal = time.Time{} // it is the user who renews
	}
	if before := k.Status(); !same(before, s) {
		if err := k.dir.writeStatus(s); err != nil {
			k.log.Warn("status not written", "error", clip(err))
		}
	}
	k.mu.Lock()
	k.status = s
	k.mu.Unlock()
}

// same reports whether two states differ only in when they were written: files are looked at twice a minute.
func same(a, b certificate.Status) bool {
	b.Updated = a.Updated
	return !a.Updated.IsZero() && reflect.DeepEqual(a, b)
}

// clip bounds an error's text, which may be an issuer's.
func clip(err error) string {
	text := strings.ToValidUTF8(err.Error(), "")
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError], "") + "…"
	}
	return text
}
