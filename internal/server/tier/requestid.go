package tier

import (
	"crypto/rand"
	"encoding/hex"
)

// RequestIDHeader is the header of a request's id, in net/http's canonical form, which saves an allocation.
const RequestIDHeader = "X-Request-Id"

// RequestID keeps a valid id from the client or nginx, so that a request has the same id in every
// tier's log, and otherwise makes one.
func RequestID(given string) string {
	if validRequestID(given) {
		return given
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// validRequestID reports whether id is 1 to 128 characters of [A-Za-z0-9._-].
func validRequestID(id string) bool {
	if len(id) < 1 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
