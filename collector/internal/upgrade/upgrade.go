// Package upgrade brings the documents of a store to the form that this release writes, step by step, each once.
//
// The store remembers which steps were done. One that knows more steps than this collector was written by a newer one:
// nothing may be written to it, since what the newer one relies on would be broken without anybody noticing. Tables and
// indexes are the engines' business and are brought in line whenever a store is opened.
package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/store"
)

const table = "upgrades"

// Tables are the tables that upgrading needs.
func Tables() []store.Table { return []store.Table{{Name: table}} }

// Step changes documents. It runs again when it was stopped, so it finds its own half-done work.
type Step struct {
	Title string
	// Do may be nil where only the number rises, because documents written from now on cannot be read by older releases. It says how
	// many documents it has done.
	Do func(ctx context.Context, st store.Store, told func(done int)) error
	// Derives says that Do derives all that lists need of resources, as the release at hand does it: of several such steps that are
	// missing, the last does the work of all.
	Derives bool
}

// Steps are all that there have ever been; a step's number is its place, from 1. They are never reordered or removed.
func Steps() []Step {
	return []Step{
		{Title: "number the release's documents"},
		{Title: "derive again what lists need of resources", Do: derive, Derives: true},
		{Title: "note in resources which connections lead to them", Do: derive, Derives: true},
		{Title: "note in resources which type each identifier is of", Do: derive, Derives: true},
		// The sweeper moves what there is of them; a release before this one would hand out files that are empty.
		{Title: "keep the contents of uploaded files where uploads are kept"},
	}
}

func derive(ctx context.Context, st store.Store, told func(done int)) error {
	return inventory.New(inventory.Options{Store: st}).Rederive(ctx, told)
}

type doc struct {
	Number int        `json:"number"`
	Title  string     `json:"title"`
	At     store.Time `json:"at"`
	// Release that did it.
	Release string `json:"release"`
	Millis  int64  `json:"millis"`
}

func id(number int) string { return fmt.Sprintf("%06d", number) }

// Number is the last step that a store has behind it.
func Number(ctx context.Context, st store.Reader) (int, error) {
	page, err := st.Find(ctx, store.Query{Table: table, Limit: 1000})
	if err != nil {
		return 0, fmt.Errorf("read number of store: %w", err)
	}
	n := 0
	for _, row := range page.Rows {
		var d doc
		if err := json.Unmarshal(row.Doc, &d); err != nil {
			return 0, fmt.Errorf("read number of store: %w", err)
		}
		n = max(n, d.Number)
	}
	return n, nil
}

// Check is ErrSchemaTooNew when the store has a step behind it that is not among these.
func Check(ctx context.Context, st store.Reader, steps []Step) error {
	next := id(len(steps) + 1)
	rows, err := st.Get(ctx, table, "", "", []string{next})
	if err != nil {
		return fmt.Errorf("read number of store: %w", err)
	}
	if row, ok := rows[next]; ok {
		var d doc
		if err := json.Unmarshal(row.Doc, &d); err != nil {
			return fmt.Errorf("read number of store: %w", err)
		}
		return fmt.Errorf("%w: release %s took it to number %d or beyond, this one knows %d; install that release or restore the backup that was made before it",
			store.ErrSchemaTooNew, d.Release, d.Number, len(steps))
	}
	return nil
}

// Missing are the steps still to do, after Check.
func Missing(ctx context.Context, st store.Reader, steps []Step) (have int, missing []Step, err error) {
	if err := Check(ctx, st, steps); err != nil {
		return 0, nil, err
	}
	if have, err = Number(ctx, st); err != nil {
		return 0, nil, err
	}
	return have, steps[min(have, len(steps)):], nil
}

// Options of a Run.
type Options struct {
	Store  store.Store
	Leases *lease.Leases
	Steps  []Step
	// Fresh says that the store is empty: nothing has to be changed, only the number noted.
	Fresh   bool
	Release string
	Clock   func() time.Time
	// Done is told of every step; may be nil.
	Done func(number int, title string, took time.Duration)
	// Doing is told now and then how many documents a step has done; may be nil.
	Doing func(number int, title string, done int)
}

// sayEvery is how far apart words about one step are.
const sayEvery = 5 * time.Second

// doing is what a step tells.
func (o Options) doing(number int, title string) func(done int) {
	last := o.Clock()
	return func(done int) {
		if now := o.Clock(); o.Doing != nil && now.Sub(last) >= sayEvery {
			last = now
			o.Doing(number, title, done)
		}
	}
}

// waitFor is how often a collector that starts beside one that upgrades looks again.
const waitFor = time.Second

// Run does what is missing. Of several collectors that start together one does it and the others wait.
func Run(ctx context.Context, o Options) (err error) {
	for {
		have, missing, err := Missing(ctx, o.Store, o.Steps)
		if err != nil || len(missing) == 0 {
			return err
		}
		l, err := o.Leases.Acquire(ctx, "", "upgrade")
		if errors.Is(err, lease.ErrHeld) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(waitFor):
				continue
			}
		}
		if err != nil {
			return err
		}
		err = o.run(ctx, l, have, missing)
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		err = errors.Join(err, l.Release(release))
		cancel()
		return err
	}
}

func (o Options) run(ctx context.Context, l *lease.Lease, have int, missing []Step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	kept := make(chan struct{})
	go func() { // waited for below
		defer close(kept)
		tick := time.NewTicker(lease.Life / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := l.Renew(ctx); err != nil {
					cancel(err)
					return
				}
			}
		}
	}()
	defer func() { cancel(nil); <-kept }()
	for i, step := range missing {
		number, begun := have+i+1, o.Clock()
		later := slices.ContainsFunc(missing[i+1:], func(s Step) bool { return s.Derives })
		if step.Do != nil && !o.Fresh && !(step.Derives && later) {
			if err := step.Do(ctx, o.Store, o.doing(number, step.Title)); err != nil {
				return fmt.Errorf("upgrade store to number %d (%s): %w", number, step.Title, err)
			}
		}
		took := o.Clock().Sub(begun)
		b, err := json.Marshal(doc{Number: number, Title: step.Title, At: store.At(o.Clock()), Release: o.Release, Millis: took.Milliseconds()})
		if err != nil {
			return fmt.Errorf("note upgrade: %w", err)
		}
		err = o.Store.Update(ctx, func(tx store.Tx) error { // a conflict: noted before
			_, err := tx.Write(ctx, store.Write{Table: table, Op: store.Insert, Row: store.Row{ID: id(number), Version: 1, Doc: b}})
			return err
		})
		if err != nil {
			return fmt.Errorf("note upgrade: %w", err)
		}
		if o.Done != nil {
			o.Done(number, step.Title, took)
		}
	}
	return nil
}
