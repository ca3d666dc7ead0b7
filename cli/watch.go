package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// single is the TotalSize of a "list" that is one document.
const single = -1

// read asks for a list, and says how people see it.
type read[T any] func(context.Context) (rest.List[T], func() output.Table, error)

// watched prints a list once, or with --watch again and again: on a terminal the whole of it in place, else what is different,
// a line each.
func watched[T any](a *app, cmd *cobra.Command, f listFlags, id func(T) string, ask read[T]) error {
	list, table, err := ask(cmd.Context())
	if err != nil {
		return err
	}
	if !f.watch {
		if list.TotalSize == single {
			return a.print(list.Items[0], table)
		}
		return a.print(list, table)
	}
	if f.every < 100*time.Millisecond {
		return usageError{errors.New("--every: want 100ms or more")}
	}
	w := watcher[T]{app: a, id: id, before: map[string][]byte{}, single: list.TotalSize == single}
	news := listen(cmd.Context(), f)
	defer news.close()
	for {
		if err := w.show(list, table); err != nil {
			return err
		}
		for {
			if !news.wait(cmd.Context()) {
				return nil // somebody has seen enough
			}
			list, table, err = ask(cmd.Context())
			if cmd.Context().Err() != nil {
				return nil
			}
			if !transient(err) {
				break
			}
			a.warn("%v; trying again", err)
		}
		if err != nil {
			return err
		}
	}
}

// stale is how long what nobody told of a change of may be shown: the times of what was seen last, for example.
const stale = 30 * time.Second

// news says when a list is to be asked for again: when the collector tells of a change, or else every now and then.
type news struct {
	every time.Duration
	// told is filled at a change; live says that changes are told.
	told chan struct{}
	live atomic.Bool
	end  context.CancelFunc
	done chan struct{}
}

func listen(ctx context.Context, f listFlags) *news {
	ctx, end := context.WithCancel(ctx)
	n := &news{every: f.every, told: make(chan struct{}, 1), end: end, done: make(chan struct{})}
	go func() {
		defer close(n.done)
		if f.source == nil || f.events == nil {
			return // nobody tells of such a list
		}
		for ctx.Err() == nil {
			_ = f.source.Events(ctx, f.events, func(name string) { // why it ended does not matter: meanwhile the list is asked for anyway
				n.live.Store(true)
				if name == "heartbeat" {
					return // hello is one: what happened before it, nobody tells
				}
				select {
				case n.told <- struct{}{}:
				default: // it is told already
				}
			})
			n.live.Store(false)
			select {
			case <-ctx.Done():
			case <-time.After(f.every):
			}
		}
	}()
	return n
}

func (n *news) close() {
	n.end()
	<-n.done
}

// wait is until it is worth asking again; false when nobody waits any more.
func (n *news) wait(ctx context.Context) bool {
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-n.told:
			return true
		case <-tick.C:
			if !n.live.Load() || time.Since(began) > stale {
				return true
			}
		}
	}
}

// transient says whether asking again may do: the collector restarts, the network is away.
func transient(err error) bool {
	var answered *client.Error
	if errors.As(err, &answered) {
		return answered.Status >= 500 || answered.Status == http.StatusTooManyRequests
	}
	return err != nil
}

// warn says something beside the output.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintln(a.env.Err, output.Clean("maestro: "+fmt.Sprintf(format, args...)))
}

type watcher[T any] struct {
	app    *app
	id     func(T) string
	before map[string][]byte
	order  []string
	shown  bool
	single bool
}

func (w *watcher[T]) show(list rest.List[T], table func() output.Table) error {
	a := w.app
	if a.env.Terminal && a.format == "table" {
		var page bytes.Buffer
		var value any = list
		if w.single {
			value = list.Items[0]
		}
		if err := output.Print(&page, a.style(), value, table); err != nil {
			return asUsage(err)
		}
		fmt.Fprintf(a.env.Out, "\x1b[H\x1b[2J%s\n\n%s", a.env.Now().Format(time.DateTime), page.String())
		return nil
	}
	now, order := map[string][]byte{}, []string{}
	for _, item := range list.Items {
		key := w.id(item)
		text, err := json.Marshal(item)
		if err != nil {
			return fmt.Errorf("encode item: %w", err)
		}
		now[key] = text
		order = append(order, key)
		event := "changed"
		if old, ok := w.before[key]; !ok {
			event = "added"
		} else if bytes.Equal(old, text) {
			continue
		}
		if err := w.tell(event, item); err != nil {
			return err
		}
	}
	for _, key := range w.order {
		if _, ok := now[key]; ok {
			continue
		}
		var item T
		if err := json.Unmarshal(w.before[key], &item); err != nil {
			return fmt.Errorf("decode item: %w", err)
		}
		if err := w.tell("removed", item); err != nil {
			return err
		}
	}
	w.before, w.order, w.shown = now, order, true
	return nil
}

// watchEvent is a line of --watch for programs.
type watchEvent[T any] struct {
	Event string `json:"event"`
	Item  T      `json:"item"`
}

// tell prints one difference. What is there at first is "added", so that whoever reads needs nothing else.
func (w *watcher[T]) tell(event string, item T) error {
	a := w.app
	switch a.format {
	case "json":
		return output.Line(a.env.Out, watchEvent[T]{event, item})
	case "table":
		text, err := json.Marshal(item)
		if err != nil {
			return fmt.Errorf("encode item: %w", err)
		}
		line := a.env.Now().Format(time.RFC3339) + " " + event + " " + w.id(item)
		names := a.fields
		if len(names) == 0 {
			names = []string{"kind", "name", "state", "action", "status", "health"}
		}
		for _, name := range names {
			if v := output.PickText(text, name); v != "" {
				line += " " + name + "=" + v
			}
		}
		fmt.Fprintln(a.env.Out, output.Clean(line))
		return nil
	}
	return a.print(item, nil)
}

// idOf is a thing's id, or its name where it has none.
func idOf[T any](item T) string {
	text, err := json.Marshal(item)
	if err != nil { // it has just been decoded
		return ""
	}
	for _, name := range []string{"id", "name"} {
		if v := output.PickText(text, name); v != "" {
			return v
		}
	}
	return string(text)
}
