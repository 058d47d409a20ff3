package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// seconds is a flag that takes a duration, or a number of seconds as docker compose does.
type seconds struct{ *time.Duration }

func (s seconds) String() string {
	if s.Duration == nil {
		return "0s"
	}
	return s.Duration.String()
}

// Type names what the flag takes, in the help.
func (seconds) Type() string { return "duration" }

// Set reads 90s, 1m30s or 90.
func (s seconds) Set(text string) error {
	if n, err := strconv.Atoi(text); err == nil {
		*s.Duration = time.Duration(n) * time.Second
		return nil
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return fmt.Errorf("reading %q: use a duration such as 60s, or a number of seconds", text)
	}
	*s.Duration = d
	return nil
}
