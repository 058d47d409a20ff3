// Package enginetest answers the Engine API over HTTP in tests, as well or as badly as they tell it to. An engine that behaves is in
// package memory.
package enginetest

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/docker/docker/pkg/stdcopy"
)

// API is the answers: its keys are calls such as "GET /containers/json". What it does not have is a 404, but for the ping that every
// connection begins with.
type API map[string]http.HandlerFunc

var apiVersion = regexp.MustCompile(`^/v[0-9.]+/`)

// CallOf is a request as API has it.
func CallOf(r *http.Request) string {
	return r.Method + " " + apiVersion.ReplaceAllString(r.URL.Path, "/")
}

// ServeHTTP implements http.Handler.
func (a API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, ok := a[CallOf(r)]
	switch {
	case ok:
		answer(w, r)
	case r.URL.Path == "/_ping":
		Pings("1.41")(w, r)
	default:
		Says(http.StatusNotFound, "no answer to "+CallOf(r))(w, r)
	}
}

// Serve is a server for the time of a test; host is where, as DOCKER_HOST has it.
func Serve(t *testing.T, answer http.Handler) (host string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return "tcp://" + server.Listener.Addr().String()
}

// Pings tells the API's version.
func Pings(version string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("API-Version", version) }
}

// Says is an error in the engine's form.
func Says(status int, words string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": words})
	}
}

// Document answers with a value as JSON.
func Document(value any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
}

// Text answers with a text, such as a progress stream.
func Text(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, text)
	}
}

// Hang takes a request and says nothing.
func Hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// HangUp takes a request and closes the connection.
func HangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Upgrade hands the connection over, as the engine does for attach and exec.
func Upgrade(talk func(conn net.Conn, in io.Reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		talk(conn, buffered.Reader)
	}
}

// Prints hands the connection over, writes to it and ends.
func Prints(text string) http.HandlerFunc {
	return Upgrade(func(conn net.Conn, _ io.Reader) { _, _ = io.WriteString(conn, text) })
}

// Echo sends each line back in a frame.
func Echo(conn net.Conn, in io.Reader) {
	for lines := bufio.NewReader(in); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, Frame(stdcopy.Stdout, line))
	}
}

// Frame is a part of a stream as the engine sends it.
func Frame(kind stdcopy.StdType, text string) string {
	header := make([]byte, 8)
	header[0] = byte(kind)
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	return string(header) + text
}
