package data

import (
	"errors"
	"os"
	"testing"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/rediscli"
)

func TestPasswordIsNoArgument(t *testing.T) {
	t.Setenv("REDISCLI_AUTH", "")
	_ = os.Unsetenv("REDISCLI_AUTH")
	if err := (&redisOptions{Options: rediscli.Options{Repeat: 1}, user: "u"}).check([]string{"PING"}); !errors.As(err, new(cli.UsageError)) {
		t.Errorf("got %v", err)
	}
}
