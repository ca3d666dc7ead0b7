// Package archive takes all rows of one store to another, through the port alone: so a site moves between engines, and a
// backup of any engine is one file that any engine can be restored from.
//
// What is equal already is not written again, so a copy that was stopped goes on where it was by being started again.
// At the end both sides are read and their counts and digests compared; until then the target says of itself that it is
// half a copy, and no collector opens it.
//
// The source may be in use. Tables are then read in the reverse of the order in which an operation writes them: what is
// read later is at least as new as what was read before, as it would be after a crash between two writes, and the domain
// heals that anyway.
package archive

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

const (
	stateTable = "copies"
	stateID    = "state"
)

var (
	// ErrHalf says that a copy into the store was begun and has not ended.
	ErrHalf = errors.New("the store holds half a copy: run the same restore or migrate again, or use an empty store")
	// ErrNotEmpty says that the target has rows that are not a copy's.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrForeign says that the target belongs to another installation.
	ErrForeign = errors.New("the target holds another installation")
)

// Tables are the tables that copying needs.
func Tables() []store.Table { return []store.Table{{Name: stateTable}} }

// Options of a Copy.
type Options struct {
	From, To store.Store
	// Tables to copy, in the reverse of the order in which operations write them.
	Tables []store.Table
	// Identity is the table whose rows tell installations apart.
	Identity string
	// Online says that the source may be written to meanwhile; otherwise that is found out and an error.
	Online bool
	// Overwrite lets rows of the same installation in the target be replaced.
	Overwrite bool
	// Source is named in the target while it is half a copy. It holds no password.
	Source string
	// Progress is told of every table and part that is done; may be nil.
	Progress func(Done)
	Now      time.Time
}

// Done is one table, or one part of it, after it was copied.
type Done struct {
	Table, Part string
	Rows        int64
	// Written are those that the target did not have already, Deleted those that only it had.
	Written, Deleted int64
	Digest           resource.Hash
}

// Name is the table and its part.
func (d Done) Name() string {
	if d.Part == "" {
		return d.Table
	}
	return d.Table + "/" + d.Part
}

// Report is what a Copy did.
type Report struct {
	Tables []Done
	Rows   int64
}

type stateDoc struct {
	From      string     `json:"from"`
	StartedAt store.Time `json:"started_at"`
}

// CheckWhole is ErrHalf for a store into which a copy has not ended.
func CheckWhole(ctx context.Context, st store.Reader) error {
	rows, err := st.Get(ctx, stateTable, "", "", []string{stateID})
	if err != nil {
		return fmt.Errorf("read state of copy: %w", err)
	}
	if row, ok := rows[stateID]; ok {
		var d stateDoc
		if err := json.Unmarshal(row.Doc, &d); err != nil {
			return fmt.Errorf("read state of copy: %w", err)
		}
		return fmt.Errorf("%w (from %s, begun %s)", ErrHalf, d.From, d.StartedAt.Format(time.RFC3339))
	}
	return nil
}

// Copy makes the target equal to the source.
func Copy(ctx context.Context, o Options) (Report, error) {
	var report Report
	if err := begin(ctx, o); err != nil {
		return report, fmt.Errorf("copy store: %w", err)
	}
	for _, t := range o.Tables {
		parts, err := allParts(ctx, o, t)
		if err != nil {
			return report, fmt.Errorf("copy store: %w", err)
		}
		for _, p := range parts {
			done, err := copyPart(ctx, o, t, p)
			if err != nil {
				return report, fmt.Errorf("copy %s: %w", done.Name(), err)
			}
			report.Tables = append(report.Tables, done)
			report.Rows += done.Rows
			if o.Progress != nil {
				o.Progress(done)
			}
		}
	}
	if err := verify(ctx, o, report); err != nil {
		return report, fmt.Errorf("verify copy: %w", err)
	}
	err := o.To.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: stateTable, Op: store.Delete, Row: store.Row{ID: stateID}})
		return err
	})
	if err != nil {
		return report, fmt.Errorf("end copy: %w", err)
	}
	return report, nil
}

// begin refuses a target that is not meant to be written over, and marks it.
func begin(ctx context.Context, o Options) error {
	half := CheckWhole(ctx, o.To)
	if half != nil && !errors.Is(half, ErrHalf) {
		return half
	}
	identity := store.Query{Table: o.Identity, AllTenants: true, Limit: 100}
	there, err := o.To.Find(ctx, identity)
	if err != nil {
		return fmt.Errorf("read target: %w", err)
	}
	here, err := o.From.Find(ctx, identity)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	known := map[resource.Hash]bool{}
	for _, r := range here.Rows {
		h, err := hashRow(store.Row{ID: r.ID, Doc: r.Doc})
		if err != nil {
			return err
		}
		known[h] = true
	}
	if len(known) == 0 {
		return errors.New("the source holds no installation")
	}
	for _, r := range there.Rows {
		h, err := hashRow(store.Row{ID: r.ID, Doc: r.Doc})
		if err != nil {
			return err
		}
		if !known[h] {
			return ErrForeign
		}
	}
	if half == nil && !o.Overwrite {
		if err := checkEmpty(ctx, o); err != nil {
			return err
		}
	}
	doc, err := json.Marshal(stateDoc{From: o.Source, StartedAt: store.At(o.Now)})
	if err != nil {
		return err
	}
	return o.To.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: stateTable, Op: store.Put, Row: store.Row{ID: stateID, Version: 1, Doc: doc}})
		return err
	})
}

func checkEmpty(ctx context.Context, o Options) error {
	for _, t := range o.Tables {
		parts, err := partsOf(ctx, o.To, t)
		if err != nil {
			return err
		}
		for _, p := range parts {
			n, err := o.To.Count(ctx, store.Query{Table: t.Name, AllTenants: true, Part: p.Name}, 1)
			if err != nil {
				return fmt.Errorf("read target: %w", err)
			}
			if n > 0 {
				return fmt.Errorf("%w: it has rows in %s; --overwrite replaces them", ErrNotEmpty, t.Name)
			}
		}
	}
	return nil
}

func partsOf(ctx context.Context, st store.Store, t store.Table) ([]store.Part, error) {
	if !t.Parts {
		return []store.Part{{}}, nil
	}
	return st.Parts(ctx, t.Name)
}

// allParts has those too that only the target has, whose rows are to go.
func allParts(ctx context.Context, o Options, t store.Table) ([]store.Part, error) {
	parts, err := partsOf(ctx, o.From, t)
	if err != nil || !t.Parts {
		return parts, err
	}
	there, err := partsOf(ctx, o.To, t)
	if err != nil {
		return nil, err
	}
	for _, p := range there {
		if !slices.ContainsFunc(parts, func(have store.Part) bool { return have.Name == p.Name }) {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// verify reads the target, and a source that is not in use once more.
func verify(ctx context.Context, o Options, report Report) error {
	want := map[string]Done{}
	for _, d := range report.Tables {
		want[d.Name()] = d
	}
	for _, t := range o.Tables {
		parts, err := partsOf(ctx, o.To, t)
		if err != nil {
			return err
		}
		for _, p := range parts {
			have, err := digestOf(ctx, o.To, t, p)
			if err != nil {
				return err
			}
			w := want[have.Name()]
			if have.Rows != w.Rows || have.Digest != w.Digest {
				return fmt.Errorf("%s: the target has %d rows with digest %.12s, and %d with %.12s were copied: is somebody writing to it?",
					have.Name(), have.Rows, have.Digest, w.Rows, w.Digest)
			}
			if o.Online {
				continue
			}
			again, err := digestOf(ctx, o.From, t, p)
			if err != nil {
				return err
			}
			if again.Rows != w.Rows || again.Digest != w.Digest {
				return fmt.Errorf("%s: the source was written to while it was copied: stop every collector on it and run this again", have.Name())
			}
		}
	}
	return nil
}

func digestOf(ctx context.Context, st store.Store, t store.Table, p store.Part) (Done, error) {
	var d resource.Digest
	err := pages(ctx, st, t, p, func(rows []store.Row) error {
		for _, r := range rows {
			h, err := hashRow(r)
			if err != nil {
				return err
			}
			d.Add(h)
		}
		return nil
	})
	return Done{Table: t.Name, Part: p.Name, Rows: d.Count, Digest: d.Sum}, err
}

// hashRow is the same on every engine: engines keep a document's values, not its bytes.
func hashRow(r store.Row) (resource.Hash, error) {
	v := jsontext.Value(append([]byte(nil), r.Doc...))
	if err := v.Canonicalize(); err != nil {
		return resource.Hash{}, fmt.Errorf("read row %q: %w", r.ID, err)
	}
	h := sha256.New()
	for _, part := range []string{store.Key(r.ID, r.Tenant, r.Part, fmt.Sprint(r.Version)), string(v), string(r.Blob)} {
		fmt.Fprintf(h, "%d|%s", len(part), part) // a hash takes everything
	}
	return resource.Hash(h.Sum(nil)), nil
}
