package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// firstVisit is what the stack answers to the first visit since it was made.
const firstVisit = "This page has been visited 1 times."

// visit makes one request to /count; it must be the first that is counted.
func visit(ctx context.Context, port int) error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/count", port), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(body))
	if response.StatusCode == http.StatusOK && text != firstVisit {
		return wrongAnswer(text)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.80s", response.Status, text)
	}
	return nil
}

// wrongAnswer is a 200 that says something else: no use to ask again.
type wrongAnswer string

func (w wrongAnswer) Error() string { return fmt.Sprintf("%q is not %q", string(w), firstVisit) }

// visitLimit bounds the wait for the first visit once everything is started.
const visitLimit = 30 * time.Second

// awaitVisit asks until the first visit is counted. The published port's container must have been started: a dial before
// that leaves the host's neighbour entry unresolved for up to a second.
func awaitVisit(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, visitLimit)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := visit(ctx, port)
		if err == nil || errors.As(err, new(wrongAnswer)) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the first 200: %w; the last answer: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

// freePort finds a port below those that the system gives to outgoing connections.
func freePort(taken []*contender) (int, error) {
	for range 200 {
		port := 20000 + rand.IntN(10000)
		used := false
		for _, c := range taken {
			used = used || c.port == port
		}
		if used {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("finding a free port between 20000 and 30000: none found")
}
