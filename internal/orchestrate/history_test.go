package orchestrate_test

import (
	"errors"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// Whichever call of a new entry fails, or loses its answer, the history is one container with all entries that were acknowledged.
func TestHistoryIsOneContainer(t *testing.T) {
	lost := errors.New("connection reset")
	for k := 1; ; k++ {
		for name, harm := range map[string]func(*world){
			"fails":           func(w *world) { w.FailAt(k, lost) },
			"its answer lost": func(w *world) { w.LoseAnswer(k, lost) },
		} {
			w := newWorld(t, embedded(t))
			w.up()
			w.check(kept.Remember(t.Context(), w, projectName, kept.Entry{Command: "one"}))
			w.Forget()
			harm(w)
			err := kept.Remember(t.Context(), w, projectName, kept.Entry{Command: "two"})
			calls := len(w.Calls())
			if k > calls {
				return
			}
			w.Forget()
			observed, listErr := observe.Project(t.Context(), w, projectName)
			w.check(listErr)
			entries := kept.History(observed)
			if err == nil && (len(entries) != 2 || entries[1].Command != "two") || len(entries) == 0 || entries[0].Command != "one" {
				t.Errorf("call %d %s: %v, history %v", k, name, err, entries)
			}
			if n := strings.Count(w.Dump(), "-history-"); n != 1 && err == nil {
				t.Errorf("call %d %s: %d containers of the history", k, name, n)
			}
			w.check(kept.Remember(t.Context(), w, projectName, kept.Entry{Command: "three"}))
			if n := strings.Count(w.Dump(), "-history-"); n != 1 {
				t.Errorf("call %d %s, and another entry: %d containers of the history", k, name, n)
			}
		}
	}
}
