//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"stackctl.dev/stackctl/internal/backup"
)

// On a terminal, down -v offers a backup, asks for its passphrase twice, and then removes the volumes.
func TestDownOffersABackup(t *testing.T) {
	needEngine(t)
	project, port, folder := ownProject("backup-offer"), ports(t, 1)[0], t.TempDir()
	t.Cleanup(func() { cleanUp(t, project) })
	must(t, project, port, "up")
	script := fmt.Sprintf("cd %s; export COMPOSE_PROJECT_NAME=%s; %s --progress quiet down -v; echo \"exit code $?\"; exec sleep 60", folder, project, webBinary(t))
	m := newTerminal(t, 120, 30, "sh", "-c", script)
	for _, step := range []struct{ asked, answer string }{
		{"Save a backup in the current folder first?", "y"}, {"Passphrase:", "correct horse"}, {"Again:", "correct horse"}, {"Remove them for good?", "y"},
	} {
		m.await(step.asked)
		m.text(step.answer)
		m.keys("Enter")
	}
	m.await("exit code 0")
	found, err := filepath.Glob(filepath.Join(folder, project+"-*.tar"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	file, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if man, err := backup.Verify(file); err != nil || !man.Has(backup.Secrets) || !man.Has(backup.Redis) {
		t.Errorf("%+v, %v", man, err)
	}
	if volumes := look(t, project).VolumeNames(); len(volumes) > 0 {
		t.Errorf("there are still %v", volumes)
	}
}
