package certs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
)

// fakeIssuer makes pairs that are signed by themselves, for as long as it is told.
type fakeIssuer struct {
	of    string
	asked []time.Time
	make  func(n int, now time.Time) (*certificate.Pair, error) // n counts from 1
	wait  func(failures int) time.Duration
}

var _ issuer = (*fakeIssuer)(nil)

func (f *fakeIssuer) id() string { return "fake " + f.of }

func (f *fakeIssuer) issue(context.Context) (*certificate.Pair, error) {
	f.asked = append(f.asked, time.Now())
	return f.make(len(f.asked), time.Now())
}

func (f *fakeIssuer) next(p *certificate.Pair, _ time.Time) time.Time { return p.RenewAt() }

func (f *fakeIssuer) pause(failures int, _ error) time.Duration {
	if f.wait == nil {
		return time.Hour
	}
	return f.wait(failures)
}

// keepFor runs a keeper for a time in which nothing but its waits passes.
func keepFor(t *testing.T, k *keeper, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := k.run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
}

const day = 24 * time.Hour

func TestRenewalAtTwoThirds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		from := &fakeIssuer{make: func(_ int, now time.Time) (*certificate.Pair, error) { return selfSigned([]string{"a.example"}, now) }}
		k, _ := newTestKeeper(t, dir, from)
		begin := time.Now()
		keepFor(t, k, 200*day)
		var got []time.Duration
		for _, at := range from.asked {
			got = append(got, at.Sub(begin).Round(time.Minute))
		}
		// They begin an hour before they are made.
		if want := fmt.Sprint([]time.Duration{0, 60*day - time.Hour, 120*day - 2*time.Hour, 180*day - 3*time.Hour}); fmt.Sprint(got) != want {
			t.Errorf("it was asked after %v, want %v", got, want)
		}
		if s := k.Status(); s.Renewals != 4 || s.Left(time.Now()) < 60*day {
			t.Errorf("got %+v", s)
		}
	})
}

// An issuer that is away is asked no more often than its pauses say, and what is in use stays, also when it has expired.
func TestAnIssuerThatIsAway(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		real := &acmeIssuer{}
		down := errors.New("dial tcp 192.0.2.1:443: connection refused")
		from := &fakeIssuer{
			wait: func(n int) time.Duration { return real.pause(n, down) },
			make: func(n int, now time.Time) (*certificate.Pair, error) {
				if n > 1 {
					return nil, down
				}
				return selfSigned([]string{"a.example"}, now.Add(-75*day)) // valid for 15 days
			},
		}
		k, log := newTestKeeper(t, dir, from)
		k.cfg.Issuer = certificate.ACME
		keepFor(t, k, 6*day)
		fingerprint := k.Status().Fingerprint
		before := len(from.asked)
		for range 10 { // a restart a day
			k, log = newTestKeeper(t, dir, from)
			k.cfg.Issuer = certificate.ACME
			keepFor(t, k, day)
		}
		if n := len(from.asked) - before; n > 10*24 || n < 10*20 {
			t.Errorf("it was asked %d times in 10 days", n)
		}
		s := k.Status()
		if s.Fingerprint != fingerprint || s.Left(time.Now()) > 0 || s.LastError != down.Error() || s.Failures < 10*20 {
			t.Errorf("got %+v", s)
		}
		if lines := strings.Count(log.String(), "\n"); lines > 30 {
			t.Errorf("a day has %d lines of log", lines)
		}
	})
}

// What an issuer gives is used only if it is good.
func TestABadPairNeverReplacesAGoodOne(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		from := &fakeIssuer{make: func(n int, now time.Time) (*certificate.Pair, error) {
			switch n {
			case 2:
				return selfSigned([]string{"a.example"}, now.Add(-91*day)) // expired
			case 3:
				return selfSigned([]string{"a.example"}, now.Add(2*time.Hour)) // not yet valid
			case 4:
				return selfSigned([]string{"other.example"}, now)
			}
			return selfSigned([]string{"a.example"}, now)
		}}
		k, log := newTestKeeper(t, dir, from)
		keepFor(t, k, 60*day-time.Hour-time.Minute)
		good := k.Status().Fingerprint
		k.cfg.Issuer = certificate.ACME // whose failures are kept over the restarts here
		for i, want := range []string{"expired at", "is not valid before", "is not for a.example (it is for other.example)"} {
			keepFor(t, k, time.Hour)
			s := k.Status()
			if s.Fingerprint != good || s.Failures != i+1 || !strings.Contains(s.LastError, want) {
				t.Errorf("want %q: %+v", want, s)
			}
			if pair := pairIn(t, dir); pair.Leaf.Subject.CommonName == "" {
				t.Errorf("there is another pair in use")
			}
		}
		keepFor(t, k, time.Hour)
		if s := k.Status(); s.Fingerprint == good || s.Failures != 0 || s.LastError != "" || !s.LastErrorAt.IsZero() {
			t.Errorf("a good one was not used: %+v", s)
		}
		tellsNoKey(t, dir, "the log", log.String())
	})
}

// A folder that cannot be written to is a failure like others: what is in use stays.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	from := &fakeIssuer{make: func(_ int, now time.Time) (*certificate.Pair, error) { return selfSigned([]string{"a.example"}, now) }}
	k, _ := newTestKeeper(t, dir, from)
	ctx, cancel := context.WithCancel(t.Context())
	if err := k.load(time.Now()); err != nil {
		t.Fatal(err)
	}
	k.attempt(ctx)
	good := k.Status().Fingerprint
	if err := os.Rename(filepath.Join(dir, pairsDir), filepath.Join(dir, "aside")); err != nil {
		t.Fatal(err)
	}
	k.attempt(ctx)
	cancel()
	if s := k.Status(); s.Fingerprint != good || s.Failures != 1 || !strings.Contains(s.LastError, "installing the certificate: ") {
		t.Errorf("got %+v", s)
	}
}

// What is left of a pair is replaced, like none.
func TestADamagedPair(t *testing.T) {
	for name, damage := range map[string]func(folder string) error{
		"no key":         func(folder string) error { return os.Remove(filepath.Join(folder, keyFile)) },
		"an empty key":   func(folder string) error { return os.Truncate(filepath.Join(folder, keyFile), 0) },
		"no folder":      os.RemoveAll,
		"a damaged mark": func(folder string) error { return os.Truncate(filepath.Join(folder, markFile), 3) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := start(t, configFor(t, dir))
			s := r.until(t, "a certificate", func(s certificate.Status) bool { return s.Issuer != "" })
			r.stop()
			target, err := filepath.EvalSymlinks(filepath.Join(dir, currentLink))
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(target); err != nil {
				t.Fatal(err)
			}
			r = start(t, configFor(t, dir))
			r.until(t, "another certificate", func(now certificate.Status) bool { return now.Issuer != "" && now.Fingerprint != s.Fingerprint })
			pairIn(t, dir)
		})
	}
}
