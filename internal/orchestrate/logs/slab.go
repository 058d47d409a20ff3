package logs

import "bytes"

const (
	// A slab is small while a container says little, since the lines that are kept keep it in memory.
	firstSlab = 1 << 10
	fullSlab  = 32 << 10
)

// slab keeps copies of short texts side by side: one allocation for hundreds of lines.
type slab struct {
	room []byte
	size int
}

// keep copies a text. A long one gets memory of its own, so that a line that is kept never keeps more than a slab.
func (s *slab) keep(text []byte) []byte {
	n := len(text)
	if n > fullSlab/8 {
		return bytes.Clone(text)
	}
	if n > len(s.room) {
		s.size = min(max(2*s.size, firstSlab), fullSlab)
		s.room = make([]byte, max(s.size, n))
	}
	kept := s.room[:n:n]
	s.room = s.room[n:]
	copy(kept, text)
	return kept
}
