package dash

import (
	"strconv"
	"testing"
	"time"

	"stackctl.dev/stackctl/bench/dash/screen"
)

func TestFollowerCountsTheWaitForTheNextFrame(t *testing.T) {
	at := func(ms int64) time.Time { return time.Unix(1_700_000_000, ms*int64(time.Millisecond)) }
	text := func(seq int64, ms int64) string {
		return "web-1  GET /\nflood-1 seq=" + decimal(seq-1) + " t=" + decimal(at(ms-1).UnixNano()) + " x\n" +
			"flood-1 seq=" + decimal(seq) + " t=" + decimal(at(ms).UnixNano()) + " x\n 1,234 not shown"
	}
	var f follower
	f.frame(screen.Frame{At: at(900), Text: text(1, 0)}) // before begin
	f.begin()
	f.frame(screen.Frame{At: at(1010), Text: text(100, 1000)})
	f.frame(screen.Frame{At: at(1060), Text: "covered"})
	f.frame(screen.Frame{At: at(1120), Text: text(200, 1100)})
	f.end(at(1150))
	if len(f.behind) != 2 || f.behind[0] != 10 || f.behind[1] != 20 {
		t.Errorf("behind: %v", f.behind)
	}
	if f.worst != 120 {
		t.Errorf("worst moment: %v", f.worst)
	}
	if got := f.rate(); got != 1000 {
		t.Errorf("rate: %v", got)
	}
	if f.notShown != "1,234 not shown" {
		t.Errorf("not shown: %q", f.notShown)
	}
	f.begin()
	f.frame(screen.Frame{At: at(2000), Text: text(300, 1990)})
	f.end(at(2400))
	if f.worst != 410 {
		t.Errorf("a screen that stands still: %v", f.worst)
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
