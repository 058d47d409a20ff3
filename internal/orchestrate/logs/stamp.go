package logs

import (
	"bytes"
	"time"
)

// stampReader reads the stamps of a log. Those of one second differ in their fraction alone, which is all that is read then.
type stampReader struct {
	second [len(secondLayout)]byte // of the last stamp, as it was written
	unix   int64
	known  bool
}

const (
	secondLayout = "2006-01-02T15:04:05"
	// fullStamp is how the engine writes UTC, to the nanosecond.
	fullStamp = len(secondLayout) + len(".000000000Z")
)

// split does what splitStamp does.
func (r *stampReader) split(piece []byte) (time.Time, []byte) {
	if len(piece) <= fullStamp || piece[fullStamp] != ' ' || piece[fullStamp-1] != 'Z' || piece[len(secondLayout)] != '.' {
		return splitStamp(piece)
	}
	nanos := int64(0)
	for _, c := range piece[len(secondLayout)+1 : fullStamp-1] {
		if c < '0' || c > '9' {
			return splitStamp(piece)
		}
		nanos = nanos*10 + int64(c-'0')
	}
	if second := piece[:len(secondLayout)]; !r.known || !bytes.Equal(second, r.second[:]) {
		at, err := time.Parse(secondLayout, string(second))
		if err != nil {
			return splitStamp(piece)
		}
		r.known, r.unix = true, at.Unix()
		copy(r.second[:], second)
	}
	return time.Unix(r.unix, nanos).UTC(), piece[fullStamp+1:]
}
