package fault_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/fault"
)

type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func TestOf(t *testing.T) {
	for text, want := range map[string]*fault.Fault{
		"WRONGTYPE Operation against a key holding the wrong kind of value":                                  fault.NotANumber,
		"ERR value is not an integer or out of range script: 0a, on @user_script:6.":                         fault.NotANumber,
		"ERR Error running script (call to f_0a): @user_script:6: ERR increment or decrement would overflow": fault.Full,
		"READONLY You can't write against a read only replica.":                                              fault.ReadOnly,
		"NOREPLICAS Not enough good replicas to write.":                                                      fault.NoReplicas,
		"OOM command not allowed when used memory > 'maxmemory'.":                                            fault.NoMemory,
		"MISCONF Redis is configured to save RDB snapshots":                                                  fault.CannotSave,
		"NOAUTH Authentication required.":                                                                    fault.NoAccess,
		"LOADING Redis is loading the dataset in memory":                                                     fault.Loading,
		"ERR unknown command": nil,
	} {
		err := fmt.Errorf("counting: %w", reply(text))
		if got := fault.Of(err); got != want {
			t.Errorf("%q: %+v", text, got)
		}
		if got := fault.Of(fault.Explain(err)); got != want || !errors.Is(fault.Explain(err), err) {
			t.Errorf("%q, explained: %v", text, fault.Explain(err))
		}
	}
	if fault.Of(errors.New("OOM from elsewhere")) != nil || fault.Of(nil) != nil {
		t.Error("what Redis did not say has a fault")
	}
}

// The table of the documents is the table.
func TestTheDocumentsHaveTheTable(t *testing.T) {
	doc, err := os.ReadFile("../../docs/web.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(fault.All, fault.Away) {
		status := "503"
		if f.Lasts {
			status = "500"
		}
		if row := "| " + f.State + " | " + status + " | " + f.Fix + " |"; !strings.Contains(string(doc), row+"\n") {
			t.Errorf("docs/web.md has no row\n%s", row)
		}
	}
}
