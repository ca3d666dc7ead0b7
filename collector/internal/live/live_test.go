package live

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// from makes a watch of what a test sends.
func from(c <-chan []Event) func(context.Context, time.Time) ([]Watch, error) {
	return func(context.Context, time.Time) ([]Watch, error) {
		return []Watch{{Every: time.Millisecond, Look: func(context.Context, time.Time) ([]Event, error) {
			select {
			case e := <-c:
				return e, nil
			default:
				return nil, nil
			}
		}}}, nil
	}
}

func listen(t *testing.T, h *Hub, user, key string, c <-chan []Event) *Stream {
	t.Helper()
	s, err := h.Listen(t.Context(), user, key, from(c))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func take(t *testing.T, s *Stream) ([]Event, bool) {
	t.Helper()
	select {
	case <-s.Ready():
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was told")
	}
	return s.Take()
}

func TestListenersOfOneKeyShareAWatcher(t *testing.T) {
	h := New(Options{})
	defer h.End()
	c := make(chan []Event)
	a, b := listen(t, h, "anna", "k", c), listen(t, h, "bert", "k", c)
	other := listen(t, h, "bert", "else", nil)
	c <- []Event{{Name: "x"}}
	for _, s := range []*Stream{a, b} {
		if got, lost := take(t, s); len(got) != 1 || lost {
			t.Errorf("got %v, lost %v", got, lost)
		}
	}
	if got, _ := other.Take(); len(got) != 0 {
		t.Errorf("told %v to who may see something else", got)
	}
	if len(h.watchers) != 2 {
		t.Errorf("%d watchers for two keys", len(h.watchers))
	}
	a.Close()
	a.Close() // twice is once
	b.Close()
	other.Close()
	if len(h.watchers) != 0 || h.Streams() != 0 || len(h.perUser) != 0 {
		t.Errorf("%d watchers, %d streams are left", len(h.watchers), h.Streams())
	}
}

func TestStreamsAreBounded(t *testing.T) {
	h := New(Options{PerUser: 2, Total: 3})
	defer h.End()
	first := listen(t, h, "anna", "k", nil)
	listen(t, h, "anna", "k", nil)
	if _, err := h.Listen(t.Context(), "anna", "k", from(nil)); !errors.Is(err, ErrTooMany) {
		t.Errorf("a third of one user: %v", err)
	}
	listen(t, h, "bert", "k", nil)
	if _, err := h.Listen(t.Context(), "carl", "k", from(nil)); !errors.Is(err, ErrTooMany) {
		t.Errorf("a fourth: %v", err)
	}
	first.Close()
	listen(t, h, "carl", "k", nil)
}

func TestWhoDoesNotKeepUpIsTold(t *testing.T) {
	h := New(Options{Backlog: 3})
	defer h.End()
	c := make(chan []Event)
	s := listen(t, h, "anna", "k", c)
	for range 5 {
		c <- []Event{{Name: "x"}, {Name: "y"}}
	}
	c <- []Event{{Name: "last"}}
	deadline := time.Now().Add(10 * time.Second)
	for {
		got, lost := take(t, s)
		if lost {
			if len(got) > 3 {
				t.Errorf("%d events waited", len(got))
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody said that something was lost")
		}
	}
}

func TestAnErrorEndsNothing(t *testing.T) {
	h := New(Options{})
	defer h.End()
	var looks atomic.Int32
	s, err := h.Listen(t.Context(), "anna", "k", func(context.Context, time.Time) ([]Watch, error) {
		return []Watch{{Every: time.Millisecond, Look: func(context.Context, time.Time) ([]Event, error) {
			if looks.Add(1) < 3 {
				return nil, errors.New("the store is away")
			}
			return []Event{{Name: "x"}}, nil
		}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	take(t, s)
}

func TestWhatCannotBeginIsRefused(t *testing.T) {
	h := New(Options{})
	defer h.End()
	bad := errors.New("no")
	for range 2 {
		_, err := h.Listen(t.Context(), "anna", "k", func(context.Context, time.Time) ([]Watch, error) { return nil, bad })
		if !errors.Is(err, bad) || h.Streams() != 0 {
			t.Errorf("got %v, %d streams", err, h.Streams())
		}
	}
	listen(t, h, "anna", "k", nil)
}

func TestEndEndsStreams(t *testing.T) {
	h := New(Options{})
	s := listen(t, h, "anna", "k", nil)
	h.End()
	<-s.Ended()
	s.Close()
	if _, err := h.Listen(t.Context(), "anna", "k", from(nil)); !errors.Is(err, ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
}
