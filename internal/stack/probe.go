package stack

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ProbeURL is what to ask for at host (host:port) for a path, with its query, that a file or a container names. The path cannot
// change whom is asked: "@other/" in place of a path would, if it were appended.
func ProbeURL(host, path string) (*url.URL, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("checking path %q: it must begin with /", path)
	}
	target, err := url.ParseRequestURI(path)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, fmt.Errorf("checking path %q: %w; write it as in a URL, such as /readyz?full=1", path, err)
	}
	target.Scheme, target.Host = "http", host
	return target, nil
}

// SameTarget follows a redirect only to the host and port that were asked: what answers is not trusted to send us elsewhere. It is
// an http.Client's CheckRedirect; a redirect that is not followed is the answer.
func SameTarget(next *http.Request, via []*http.Request) error {
	if next.URL.Scheme != via[0].URL.Scheme || next.URL.Host != via[0].URL.Host || len(via) >= 3 {
		return http.ErrUseLastResponse
	}
	return nil
}
