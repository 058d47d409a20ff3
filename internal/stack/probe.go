package stack

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ProbeURL returns the URL at host (host:port) of a path with its query, which comes from a file or a container. The path cannot
// change the host: "@other/" would, if it were simply appended.
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

// SameTarget is an http.Client's CheckRedirect that follows a redirect only to the same host and port: a container is not trusted
// to send us elsewhere. A redirect that is not followed is the response.
func SameTarget(next *http.Request, via []*http.Request) error {
	if next.URL.Scheme != via[0].URL.Scheme || next.URL.Host != via[0].URL.Host || len(via) >= 3 {
		return http.ErrUseLastResponse
	}
	return nil
}
