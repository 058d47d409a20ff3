package certificate

import (
	"encoding/json"
	"fmt"
	"time"
)

// Where a pair is from: the values of Status.Issuer.
const (
	Internal    = "internal"    // a certificate authority of the project
	Files       = "files"       // the user's files
	ACME        = "acme"        // an issuer that speaks ACME, such as Let's Encrypt
	Placeholder = "placeholder" // signed by itself, until the issuer has given the first one
)

// StatusFile is the file in the certs tier's folder that has the Status as JSON.
const StatusFile = "status.json"

// Status is what the certs tier says of its certificate. Texts are foreign: escape them before they are shown.
type Status struct {
	Issuer      string    `json:"issuer"`                 // of the pair in use; "" if there is none
	Configured  string    `json:"configured_issuer"`      // the issuer that the next pair comes from
	Names       []string  `json:"names"`                  // DNS names and IP addresses in the certificate
	NotBefore   time.Time `json:"not_before,omitzero"`    // of the pair in use
	NotAfter    time.Time `json:"not_after,omitzero"`     // of the first in its chain to expire
	Fingerprint string    `json:"fingerprint"`            // SHA-256 of the certificate, hex
	KeyKind     string    `json:"key"`                    // such as ECDSA P-256
	NextRenewal time.Time `json:"next_renewal,omitzero"`  // when the issuer is asked next; zero for files
	Renewals    int       `json:"renewals"`               // pairs taken into use since the tier started
	Failures    int       `json:"failures"`               // attempts that failed since the last one that succeeded
	LastError   string    `json:"last_error"`             // of the last attempt; "" if it succeeded
	LastErrorAt time.Time `json:"last_error_at,omitzero"` // when that was
	Updated     time.Time `json:"updated"`                // when this was written
}

// ParseStatus reads the content of StatusFile.
func ParseStatus(data []byte) (Status, error) {
	var s Status
	if len(data) > maxFile {
		return s, fmt.Errorf("reading %s: it has more than %d KiB", StatusFile, maxFile>>10)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("reading %s: %w", StatusFile, err)
	}
	switch s.Issuer {
	case "", Internal, Files, ACME, Placeholder:
		return s, nil
	}
	return s, fmt.Errorf("reading %s: the issuer %q is not known; is the certs tier newer than this stackctl?", StatusFile, s.Issuer)
}

// Left returns how long the pair in use is valid from now on; it is negative if it has expired, and 0 if there is none.
func (s Status) Left(now time.Time) time.Duration {
	if s.NotAfter.IsZero() {
		return 0
	}
	return s.NotAfter.Sub(now)
}

// Real reports whether the pair in use is one that the user can expect others to trust: it is neither a placeholder nor of the
// project's own authority.
func (s Status) Real() bool { return s.Issuer == Files || s.Issuer == ACME }

// Urgency says how soon somebody has to look at a certificate.
type Urgency int

// The urgencies: renewal takes care of it, it should have been renewed long ago, and it is about to stop working.
const (
	Calm     Urgency = iota
	Soon             // less than 14 days are left
	Critical         // less than 3
)

const day = 24 * time.Hour

// Urgency returns how urgent the certificate is at the time now.
func (s Status) Urgency(now time.Time) Urgency {
	switch left := s.Left(now); {
	case left < 3*day:
		return Critical
	case left < 14*day:
		return Soon
	}
	return Calm
}

// LeftText says how long the certificate is still valid, such as "89 days left".
func (s Status) LeftText(now time.Time) string {
	left := s.Left(now)
	switch {
	case left <= 0:
		return "expired"
	case left < 2*day:
		return fmt.Sprintf("%d hours left", left/time.Hour)
	}
	return fmt.Sprintf("%d days left", left/day)
}
