package tui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/certificate"
)

// The header says that there is a maintenance, and how long the certificate is still valid; a sign and words say what a colour does.
func TestTheHeaderSaysHowTheStackStands(t *testing.T) {
	for want, standing := range map[string]Standing{
		"│ ⚠ maintenance │":                         {Maintenance: true},
		"│ ✖ ReplicaDown and 2 more │":              {Alert: "ReplicaDown", Critical: true, Further: 2},
		"│ ⚠ DiskNearlyFull │":                      {Alert: "DiskNearlyFull"},
		"│ certificate 89 days left │":              {Certificate: &certificate.Status{NotAfter: noon.Add(89*24*time.Hour + time.Hour)}},
		"│ ⚠ certificate 13 days left │":            {Certificate: &certificate.Status{NotAfter: noon.Add(13*24*time.Hour + time.Hour)}},
		"│ ✖ certificate 25 hours left │":           {Certificate: &certificate.Status{NotAfter: noon.Add(25*time.Hour + time.Minute)}},
		"│ ⚠ maintenance │ ✖ certificate expired │": {Maintenance: true, Certificate: &certificate.Status{NotAfter: noon.Add(-time.Hour)}},
	} {
		m, _ := sized(t, Options{})
		m.send(tea.WindowSizeMsg{Width: 200, Height: 40}, standingMsg(standing))
		if header, _, _ := strings.Cut(m.text(), "\n"); !strings.Contains(header, want) {
			t.Errorf("no %q in\n%s", want, header)
		}
	}
}

func TestStandingIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		read := func(context.Context) (Standing, error) {
			if calls++; calls == 2 {
				return Standing{}, errors.New("lost")
			}
			return Standing{Maintenance: calls == 3}, nil
		}
		var got []bool
		go pollStanding(ctx, read, func(msg tea.Msg) { got = append(got, msg.(standingMsg).Maintenance) })
		time.Sleep(3*standingEvery - time.Second)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !slices.Equal(got, []bool{false, true}) {
			t.Errorf("it sent %v", got)
		}
	})
}
