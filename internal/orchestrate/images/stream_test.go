package images

import (
	"archive/tar"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
)

// The engine may be silent for longer the more it has got: it unpacks, hashes and stores that.
func TestPatienceFollowsTheSize(t *testing.T) {
	w := newWork(nil, "build image", Resolution{Ref: "a"})
	if got := w.silenceLimit(); got != stallLimit {
		t.Errorf("of nothing: got %s, want %s", got, stallLimit)
	}
	const size = 98 << 20
	_, err := w.build(t.Context(), &hub{present: map[string]time.Time{}}, Resolution{Ref: "a"}, tarred(size), build.ImageBuildOptions{Tags: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.silenceLimit(), stallLimit+98*time.Second; got < want || got > want+time.Second {
		t.Errorf("of %d MiB: got %s, want %s", size>>20, got, want)
	}
}

// tarred is a tar of one file of zeros.
func tarred(size int64) io.Reader {
	r, w := io.Pipe()
	go func() { // ends with its reader
		archive := tar.NewWriter(w)
		err := archive.WriteHeader(&tar.Header{Name: "big", Size: size, Typeflag: tar.TypeReg})
		if err == nil {
			_, err = io.Copy(archive, io.LimitReader(zeros{}, size))
		}
		if err == nil {
			err = archive.Close()
		}
		w.CloseWithError(err)
	}()
	return r
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// A stream that says nothing ends, and the error says for how long it was silent.
func TestSilentStreamEnds(t *testing.T) {
	w := newWork(nil, "pull image", Resolution{Ref: "a"})
	w.stall = 10 * time.Millisecond
	err := w.follow(t.Context(), func(ctx context.Context, _ func()) (io.ReadCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if err == nil || !strings.Contains(err.Error(), "no progress for 10ms") {
		t.Errorf("got %v", err)
	}
}
