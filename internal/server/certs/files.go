package certs

import (
	"context"
	"time"

	"stackctl.dev/stackctl/internal/certificate"
)

// filesEvery is how often the user's files are read: someone who replaces them waits for it.
const filesEvery = 30 * time.Second

// userFiles takes the pair from files of the user's. Who renews them replaces the files.
type userFiles struct {
	cert, key string
	names     []string
}

func (u *userFiles) id() string { return "files" }

func (u *userFiles) issue(context.Context) (*certificate.Pair, error) {
	return certificate.ReadFiles(u.cert, u.key, u.names, time.Now())
}

// next is at once after a start, when now is zero: the files may have been replaced meanwhile.
func (u *userFiles) next(_ *certificate.Pair, now time.Time) time.Time { return now.Add(filesEvery) }

func (u *userFiles) pause(int, error) time.Duration { return filesEvery }
