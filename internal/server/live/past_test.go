package live

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/history"
)

// fakeArchive is an archive with 1,500 visits a minute ago, or in the same interval as now, whose clock stands still; Redis has two more.
type fakeArchive struct {
	down, off atomic.Bool
	asked     atomic.Int64
}

var pastNow = time.Date(2026, 11, 25, 12, 3, 30, 0, time.UTC)

func (f *fakeArchive) past(t testing.TB) *Past {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		if f.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(history.Visits{By: r.URL.Query().Get("by"), Intervals: []history.Interval{
			{At: pastNow.Add(-24 * 365 * time.Hour), Visits: 7}, // not asked for
			{At: pastNow.Truncate(time.Minute).Add(-time.Minute), Visits: 1500},
			{At: pastNow.Add(4 * time.Hour), Visits: 7}, // another clock
		}})
	}))
	t.Cleanup(srv.Close)
	p := NewPast(strings.TrimPrefix(srv.URL, "http://"), func(context.Context) (int64, time.Time, bool, error) {
		if f.off.Load() {
			return 0, time.Time{}, false, errors.New("NOPERM")
		}
		return 2, pastNow.Add(-time.Hour), true, nil
	}, slog.New(slog.DiscardHandler))
	var ticks atomic.Int64
	p.now = func() time.Time { return pastNow.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }
	t.Cleanup(p.Close)
	return p
}

func askPast(p *Past, name string) (status int, found past) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/history?range="+name, nil))
	_ = json.Unmarshal(w.Body.Bytes(), &found)
	return w.Code, found
}

func TestPast(t *testing.T) {
	f := &fakeArchive{}
	p := f.past(t)
	for name, n := range map[string]int{"1h": 60, "24h": 288, "30d": 240} {
		status, found := askPast(p, name)
		if status != http.StatusOK || len(found.Values) != n || found.Total != 1502 || found.Behind != 2 || found.Values[n-1] < 2 {
			t.Errorf("%s: status %d, %d values, %d visits, %d behind", name, status, len(found.Values), found.Total, found.Behind)
		}
	}
	for range 100 { // viewers
		askPast(p, "1h")
	}
	if n := f.asked.Load(); n != 3 {
		t.Errorf("the archive was asked %d times", n)
	}
	for _, name := range []string{"", "5m", "1h%00"} {
		if status, _ := askPast(p, name); status != http.StatusBadRequest {
			t.Errorf("range %q: status %d", name, status)
		}
	}
	f.down.Store(true)
	p = f.past(t)
	if status, found := askPast(p, "1h"); status != http.StatusServiceUnavailable || found.Behind != 2 || found.Values != nil {
		t.Errorf("without the archive: status %d, %+v", status, found)
	}
	f.off.Store(true)
	p = f.past(t)
	if status, _ := askPast(p, "1h"); status != http.StatusNoContent {
		t.Errorf("without a history: status %d", status)
	}
}
