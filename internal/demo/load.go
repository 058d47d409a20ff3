package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// MaxLoad bounds Load, in requests a second.
	MaxLoad = 1000

	loadTick    = 20 * time.Millisecond
	loadWorkers = 32
	indexEvery  = 5 // of so many requests, one asks for the front page
)

// Load makes perSecond requests to the demonstration until ctx ends, most of which count a visit. Requests that cannot be made in time
// are left out.
func (s *Stack) Load(ctx context.Context, perSecond int) error {
	if perSecond < 1 || perSecond > MaxLoad {
		return fmt.Errorf("making %d requests a second: use 1 to %d", perSecond, MaxLoad)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: loadWorkers}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	slots := make(chan struct{}, loadWorkers)
	var workers sync.WaitGroup
	defer workers.Wait()
	ticker := time.NewTicker(loadTick)
	defer ticker.Stop()
	begin, sent := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		for due := int(time.Since(begin).Seconds() * float64(perSecond)); sent < due; sent++ {
			path := "count"
			if sent%indexEvery == indexEvery-1 {
				path = ""
			}
			select {
			case slots <- struct{}{}:
				workers.Go(func() {
					defer func() { <-slots }()
					visit(ctx, client, s.URL()+path)
				})
			default:
			}
		}
	}
}

// visit makes one request. How it goes is seen in the access log.
func visit(ctx context.Context, client *http.Client, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return
	}
	request.Header.Set("User-Agent", "stackctl-demo-load")
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body) // reading to the end is what keeps the connection
}
