package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"time"
)

// DamagedError says that a file is no backup, or not the whole of one.
type DamagedError struct{ Reason string }

func (e *DamagedError) Error() string { return "checking the backup: " + e.Reason }

func damaged(format string, args ...any) error {
	return &DamagedError{Reason: fmt.Sprintf(format, args...)}
}

// Sum returns the entry for a content, which it reads to the end.
func Sum(name string, content io.Reader) (Entry, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, content)
	return Entry{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// Write writes a backup. open returns the content of each of the manifest's entries, which must be what the manifest says.
func Write(w io.Writer, m *Manifest, open func(name string) (io.ReadCloser, error)) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	encoded, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	encoded = append(encoded, '\n')
	tw := tar.NewWriter(w)
	if err := writeEntry(tw, m.Time, Entry{Name: manifest, Size: int64(len(encoded))}, bytes.NewReader(encoded)); err != nil {
		return err
	}
	for _, e := range m.Entries {
		content, err := open(e.Name)
		if err != nil {
			return fmt.Errorf("writing %q: %w", e.Name, err)
		}
		sum := sha256.New()
		err = writeEntry(tw, m.Time, e, io.TeeReader(content, sum))
		_ = content.Close()
		if err == nil && hex.EncodeToString(sum.Sum(nil)) != e.SHA256 {
			err = fmt.Errorf("writing %q: it changed meanwhile", e.Name)
		}
		if err != nil {
			return err
		}
	}
	return tw.Close()
}

func writeEntry(tw *tar.Writer, at time.Time, e Entry, content io.Reader) error {
	header := &tar.Header{Name: e.Name, Mode: 0o600, Size: e.Size, Typeflag: tar.TypeReg, ModTime: at.Truncate(time.Second), Format: tar.FormatUSTAR}
	if e.Size >= 1<<33 { // more than its field holds
		header.Format = tar.FormatPAX
	}
	if err := tw.WriteHeader(header); err != nil {
		return fmt.Errorf("writing %q: %w", e.Name, err)
	}
	if _, err := io.Copy(tw, content); err != nil {
		return fmt.Errorf("writing %q: %w", e.Name, err)
	}
	return tw.Flush() // an error if the content is too short
}

// Reader reads a backup from its beginning to its end.
type Reader struct {
	Manifest *Manifest
	tr       *tar.Reader
	r        io.Reader
	next     int
}

// NewReader reads the manifest.
func NewReader(r io.Reader) (*Reader, error) {
	b := &Reader{tr: tar.NewReader(r), r: r}
	header, err := b.header(manifest, limits[manifest])
	if err != nil {
		return nil, err
	}
	content := make([]byte, header.Size)
	if _, err := io.ReadFull(b.tr, content); err != nil {
		return nil, damaged("it ends in the middle of its manifest")
	}
	var m Manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, damaged("its manifest cannot be read: %v", err)
	}
	if err := m.check(); err != nil {
		return nil, damaged("its manifest cannot be right: %v", err)
	}
	b.Manifest = &m
	return b, nil
}

// header reads the header of the next entry, which must be a plain file of that name and size, or of that size at most for the manifest.
func (b *Reader) header(name string, size int64) (*tar.Header, error) {
	header, err := b.tr.Next()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if name == manifest {
			return nil, damaged("it is empty")
		}
		return nil, damaged("it ends before %q: it was cut off", name)
	case err != nil && name == manifest:
		return nil, damaged("it is no backup of stackctl: %v", err)
	case err != nil:
		return nil, damaged("reading %q: %v", name, err)
	case header.Name != name:
		return nil, damaged("%q comes where %q should be", cut(header.Name), name)
	case header.Typeflag != tar.TypeReg:
		return nil, damaged("%q is no plain file", name)
	case name == manifest && header.Size > size, name != manifest && header.Size != size:
		return nil, damaged("%q has %d bytes, which is not what it should have", name, header.Size)
	}
	for key := range header.PAXRecords {
		if key != "size" { // such as those of a sparse file, which is short and reads as a long one
			return nil, damaged("%q has the extension %q, which no backup has", name, cut(key))
		}
	}
	return header, nil
}

func cut(text string) string { return text[:min(len(text), 50)] }

// Next returns the next entry, the content of which must be read to its end: an error of the reader, instead of io.EOF, says that it is not
// what the manifest says. After the last one the error is io.EOF.
func (b *Reader) Next() (Entry, io.Reader, error) {
	if b.next == len(b.Manifest.Entries) {
		return Entry{}, nil, b.end()
	}
	e := b.Manifest.Entries[b.next]
	b.next++
	if _, err := b.header(e.Name, e.Size); err != nil {
		return Entry{}, nil, err
	}
	return e, &checked{entry: e, r: b.tr, sum: sha256.New()}, nil
}

// end checks that nothing follows.
func (b *Reader) end() error {
	switch _, err := b.tr.Next(); {
	case err == nil:
		return damaged("something follows that its manifest does not list")
	case !errors.Is(err, io.EOF):
		return damaged("its end: %v", err)
	}
	rest := make([]byte, 32<<10)
	for {
		n, err := b.r.Read(rest)
		if len(bytes.Trim(rest[:n], "\x00")) > 0 {
			return damaged("something follows its end")
		}
		if err != nil {
			return err // io.EOF, or what the file's reader has
		}
	}
}

// checked compares a content with its entry.
type checked struct {
	entry Entry
	r     io.Reader
	sum   hash.Hash
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, damaged("it ends in the middle of %q: it was cut off", c.entry.Name)
	case errors.Is(err, io.EOF) && hex.EncodeToString(c.sum.Sum(nil)) != c.entry.SHA256:
		return n, damaged("%q is not what was written: its SHA-256 is another one", c.entry.Name)
	}
	return n, err
}

// Verify reads a backup to its end, and checks all of it.
func Verify(r io.Reader) (*Manifest, error) {
	b, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	for {
		_, content, err := b.Next()
		if errors.Is(err, io.EOF) {
			return b.Manifest, nil
		}
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return nil, err
		}
	}
}

// Open goes to an entry of a backup that was verified. What it reads is checked again.
func Open(file io.ReadSeeker, name string) (Entry, io.Reader, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Entry{}, nil, err
	}
	b, err := NewReader(file)
	for err == nil {
		var e Entry
		var content io.Reader
		if e, content, err = b.Next(); err == nil && e.Name == name {
			return e, content, nil
		}
	}
	if errors.Is(err, io.EOF) {
		err = damaged("it has no %q", name)
	}
	return Entry{}, nil, err
}

// ReadAll reads an entry that fits into memory.
func ReadAll(file io.ReadSeeker, name string) ([]byte, error) {
	e, content, err := Open(file, name)
	if err != nil {
		return nil, err
	}
	if e.Size > math.MaxInt32 {
		return nil, damaged("%q has %d bytes", name, e.Size)
	}
	return io.ReadAll(content)
}
