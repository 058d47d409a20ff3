package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// firstVisit is what the stack answers to the first visit since it was created.
	firstVisit = "This page has been visited 1 times."
	// visitLimit bounds the wait for the first visit once everything is started.
	visitLimit = 30 * time.Second
)

// errAnswer is a 200 with another text: repeating the request would not help.
var errAnswer = errors.New("the stack has answered, but not that this was the first visit")

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
	switch {
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %.80s", response.Status, text)
	case text != firstVisit:
		return fmt.Errorf("%w: %q", errAnswer, text)
	}
	return nil
}

// awaitVisit asks until the first visit is counted. The published port's container must have been started: a dial before
// that leaves the host's neighbour entry unresolved for up to a second.
func awaitVisit(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, visitLimit)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := visit(ctx, port)
		if err == nil || errors.Is(err, errAnswer) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the first 200: %w; the last answer: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
