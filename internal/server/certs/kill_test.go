package certs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
)

// switching is the folder in which a process of the test's own program switches pairs until it is killed.
const switching = "CERTS_TEST_SWITCHING"

func switchForever(dir string) {
	f, err := openFolder(dir)
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		pair, err := selfSigned([]string{"a.example"}, time.Now())
		if err != nil {
			panic(err)
		}
		if err := f.install(pair, mark{For: fmt.Sprint(i)}); err != nil {
			panic(err)
		}
		if err := f.writeStatus(certificate.Status{Issuer: certificate.Internal, Fingerprint: pair.Fingerprint()}); err != nil {
			panic(err)
		}
		f.prune(time.Now().Add(2 * lingering))
	}
}

// Whenever the process is killed, there is a whole pair and a whole status, and the next process goes on.
func TestKilledWhileItWrites(t *testing.T) {
	kills, dir := 40, t.TempDir()
	if testing.Short() {
		kills = 10
	}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := ""
	switched := 0
	for range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), switching+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+rand.IntN(60)) * time.Millisecond) // some pairs later, in the middle of something
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		pair, _, err := f.current()
		if err != nil {
			t.Fatal(err)
		}
		if pair == nil {
			continue // it had not begun
		}
		if now := pair.Fingerprint(); now != fingerprint {
			fingerprint = now
			switched++
		}
		pairIn(t, dir)
		if content, err := f.read(certificate.StatusFile); content != nil || err != nil {
			if _, err := certificate.ParseStatus(content); err != nil {
				t.Error(err)
			}
		}
	}
	if switched < kills/2 {
		t.Errorf("of %d killed processes only %d switched", kills, switched)
	}
	f.prune(time.Now().Add(2 * lingering))
	if entries, err := os.ReadDir(f.path(pairsDir)); err != nil || len(entries) != 1 {
		t.Errorf("%d entries are left, %v", len(entries), err)
	}
	r := start(t, configFor(t, dir))
	r.until(t, "a certificate of the authority", func(s certificate.Status) bool {
		return s.Issuer == certificate.Internal && s.Fingerprint != fingerprint
	})
}
