package events_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dockerevents "github.com/docker/docker/api/types/events"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/orchestrate/events"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// told is what an engine tells in one subscription, and how that ends; nil is never.
type told struct {
	messages []dockerevents.Message
	end      error
}

// fakeEngine answers one subscription after the other.
type fakeEngine struct {
	answers []told
	asked   []dockerevents.ListOptions
	slow    time.Duration // before it answers
}

func (f *fakeEngine) Events(ctx context.Context, o dockerevents.ListOptions) (<-chan dockerevents.Message, <-chan error) {
	f.asked = append(f.asked, o)
	messages, errs := make(chan dockerevents.Message), make(chan error, 1)
	if f.slow > 0 {
		select {
		case <-time.After(f.slow):
		case <-ctx.Done():
			errs <- ctx.Err()
			return messages, errs
		}
	}
	var answer told
	if len(f.answers) > 0 {
		answer, f.answers = f.answers[0], f.answers[1:]
	}
	go func() {
		for _, m := range answer.messages {
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
		}
		if answer.end == nil {
			<-ctx.Done()
			answer.end = ctx.Err()
		}
		errs <- answer.end
	}()
	return messages, errs
}

func message(action, id string) dockerevents.Message {
	return dockerevents.Message{Action: dockerevents.Action(action), TimeNano: 7, Actor: dockerevents.Actor{ID: id, Attributes: map[string]string{
		"name": "p-web-2", "image": "i", label.Service: "web", label.ContainerNumber: "2", label.OneOff: "True",
	}}}
}

func TestEach(t *testing.T) {
	f := &fakeEngine{answers: []told{{[]dockerevents.Message{message("health_status: healthy", "a")}, io.EOF}}}
	var got []events.Event
	sub := events.Subscribe(t.Context(), f, events.Query{Project: "p", Actions: []events.Action{events.HealthStatus}, Since: "1", Until: "2"})
	if err := sub.Each(func(e events.Event) { got = append(got, e) }); err != nil {
		t.Fatal(err)
	}
	want := []events.Event{{
		Time: time.Unix(0, 7), ID: "a", Action: events.HealthStatus, Detail: "healthy", Name: "p-web-2", Service: "web", Number: 2, OneOff: true,
		Attributes: message("", "").Actor.Attributes,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if words := got[0].Words(); words != "health_status: healthy" {
		t.Errorf("words %q", words)
	}
	if plain := fmt.Sprint(got[0].Plain()); plain != "map[image:i name:p-web-2]" || got[0].Helper() {
		t.Errorf("plain attributes %s", plain)
	}
	o := f.asked[0]
	if o.Since != "1" || o.Until != "2" || !o.Filters.ExactMatch("label", label.Project+"=p") || !o.Filters.ExactMatch("type", "container") || len(o.Filters.Get("event")) != 1 {
		t.Errorf("asked for %+v", o)
	}
}

func TestEachEnds(t *testing.T) {
	broken := errors.New("broken")
	f := &fakeEngine{answers: []told{{nil, broken}}}
	if err := events.Subscribe(t.Context(), f, events.Query{}).Each(nil); !errors.Is(err, broken) {
		t.Errorf("a subscription that breaks: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sub := events.Subscribe(ctx, f, events.Query{})
	cancel()
	if err := sub.Each(nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a subscription whose context ends: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		f.slow = time.Minute
		err := events.Subscribe(t.Context(), f, events.Query{Limit: time.Second}).Each(nil)
		if err == nil || err.Error() != "the engine did not answer within 1s" {
			t.Errorf("an engine that does not answer: %v", err)
		}
	})
}

// What happens between two subscriptions is not told: after each loss there is a list.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{answers: []told{
			{[]dockerevents.Message{message("start", "a")}, io.EOF}, {nil, errors.New("away")}, {nil, nil}, {[]dockerevents.Message{message("start", "b")}, nil},
		}}
		ctx, cancel := context.WithCancel(t.Context())
		var happened []string
		lists := 0
		go events.Subscribe(ctx, f, events.Query{Project: "p"}).Follow(ctx, events.Handler{
			Event: func(e events.Event) { happened = append(happened, e.ID) },
			Relist: func(context.Context) error {
				happened = append(happened, "list")
				if lists++; lists == 2 {
					return errors.New("no list")
				}
				return nil
			},
			Lost: func(err error) {
				happened = append(happened, strings.TrimPrefix(err.Error(), `watching containers of project "p": `))
			},
		})
		time.Sleep(time.Minute) // of the bubble: it takes no time
		synctest.Wait()
		want := []string{"a", "the engine ended the events", "list", "away", "list", "no list", "list", "b"}
		if diff := cmp.Diff(want, happened); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		cancel()
	})
}
