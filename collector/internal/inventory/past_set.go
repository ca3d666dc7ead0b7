package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// pastSet says how a moment differs from today, for a kind or for all.
type pastSet struct {
	// kind is nil where rows are heads, of all kinds.
	kind *schema.Kind
	// changed is what is not as today; nil where nothing is taken from today.
	changed map[string]span
	// then is all that there was, where nothing is taken from today and that is little; else it is nil and everything is gone through.
	then map[string]span
	at   time.Time
}

// moments of collectors' clocks may differ by this much.
const clockMargin = time.Minute

// differing hands fn how a moment differs from today: by what changed since where that is little and recent allows it, so that it
// costs what happened since and not what happened before; else by everything. fn begins anew when it is called again, since what
// it took for unchanged may have changed meanwhile. Of a moment before which little had happened, that little is all: a store
// that was filled since then is not gone through.
func (s *Service) differing(ctx context.Context, tenant string, kind *schema.Kind, at time.Time, recent bool, fn func(*pastSet) error) error {
	for range 3 {
		if !recent {
			break
		}
		begun := s.now()
		changed, err := s.changedSince(ctx, tenant, kind, at)
		if errors.Is(err, ErrTooBroad) {
			break
		}
		if err != nil {
			return err
		}
		if err := fn(&pastSet{kind: kind, changed: changed, at: at}); err != nil {
			return err
		}
		again, err := s.changedSince(ctx, tenant, kind, latest(at, begun.Add(-clockMargin)))
		if err != nil && !errors.Is(err, ErrTooBroad) {
			return err
		}
		if err == nil && !slices.ContainsFunc(slices.Collect(maps.Keys(again)), func(id string) bool { _, known := changed[id]; return !known }) {
			return nil
		}
	}
	then, err := s.changedUntil(ctx, tenant, kind, at)
	if err != nil && !errors.Is(err, ErrTooBroad) {
		return err
	}
	return fn(&pastSet{kind: kind, at: at, then: then})
}

// changedUntil is what there was to change until a moment.
func (s *Service) changedUntil(ctx context.Context, tenant string, kind *schema.Kind, at time.Time) (map[string]span, error) {
	name, where := "", filter.And{filter.Compare{Field: when("at"), Op: filter.Le, Value: at.UTC().Format(store.TimeLayout)}}
	if kind != nil {
		name, where = kind.Name, append(filter.And{eq(text("kind"), kind.Name)}, where...)
	}
	return s.spans(ctx, tenant, name, where)
}

// changedSince is what changed after a moment, and what was forgotten since then without a change.
func (s *Service) changedSince(ctx context.Context, tenant string, kind *schema.Kind, at time.Time) (map[string]span, error) {
	name, where := "", filter.And{filter.Compare{Field: when("at"), Op: filter.Gt, Value: at.UTC().Format(store.TimeLayout)}}
	if kind != nil {
		name, where = kind.Name, append(filter.And{eq(text("kind"), kind.Name)}, where...)
	}
	changed, err := s.spans(ctx, tenant, name, where)
	if err != nil {
		return nil, err
	}
	err = store.Each(ctx, s.opt.Store, store.Query{Table: tPruned, Tenant: tenant, Where: where}, func(row store.Row) error {
		doc, err := decodeRow[prunedDoc](row)
		if _, known := changed[row.ID]; !known {
			changed[row.ID] = span{kind: doc.Kind, first: doc.Version + 1, last: doc.Version}
		}
		return err
	})
	return changed, err
}

// revisions hands fn the changes that made what is not as today what it was at the moment, some at a time.
func (s *Service) revisions(ctx context.Context, tenant string, p *pastSet, fn func([]store.Row) error) error {
	if p.changed == nil && p.then == nil {
		return s.everyRevision(ctx, tenant, p, fn)
	}
	var keys []string
	for id, sp := range p.changed {
		if sp.first > 1 {
			keys = append(keys, changeID(id, sp.first-1))
		}
	}
	for id, sp := range p.then {
		keys = append(keys, changeID(id, sp.last))
	}
	slices.Sort(keys)
	for part := range slices.Chunk(keys, rowsPerUnit) {
		found, err := getRows(ctx, s.opt.Store, tChanges, tenant, "", part)
		if err != nil {
			return err
		}
		rows := make([]store.Row, 0, len(part))
		for _, key := range part {
			if row, ok := found[key]; ok {
				rows = append(rows, row)
			}
		}
		if err := fn(rows); err != nil {
			return err
		}
	}
	return nil
}

// everyRevision goes through all changes there are, one resource's after the other's, and keeps of each the last one until the
// moment: it takes as long as there are changes, and a few rows of memory.
func (s *Service) everyRevision(ctx context.Context, tenant string, p *pastSet, fn func([]store.Row) error) error {
	var batch []store.Row
	var of string // the resource whose changes come
	var version int64
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tChanges, Tenant: tenant}, func(row store.Row) error {
		ch, err := decodeRow[struct {
			Kind string     `json:"kind"`
			At   store.Time `json:"at"`
		}](row)
		if err != nil {
			return err
		}
		if ch.At.After(p.at) || p.kind != nil && ch.Kind != p.kind.Name {
			return nil
		}
		id, v, err := changeOf(row.ID)
		switch {
		case err != nil:
			return err
		case id != of:
			if len(batch) >= rowsPerUnit {
				if err := fn(batch); err != nil {
					return err
				}
				batch = nil
			}
			batch, of, version = append(batch, row), id, v
		case v > version:
			batch[len(batch)-1], version = row, v
		}
		return nil
	})
	if err != nil || len(batch) == 0 {
		return err
	}
	return fn(batch)
}

// today asks the table of what the set is of for its rows of today.
func (p *pastSet) today(c Caller, where filter.Expr) store.Query {
	if p.kind == nil {
		return store.Query{Table: tHeads, Tenant: c.Tenant, Where: where}
	}
	return store.Query{Table: tResources, Tenant: c.Tenant, Part: p.kind.Name, Where: where}
}

// of says what is counted or listed, for errors.
func (p *pastSet) of() string {
	if p.kind == nil {
		return "resources"
	}
	return p.kind.Name
}

// eachChanged hands fn, of what is not as today, all that met the condition at the moment. Documents have what a revision says;
// where needed says so, or the condition asks, they are those of rows.
func (s *Service) eachChanged(ctx context.Context, c Caller, p *pastSet, where filter.And, needed bool, fn func(pastRow, filter.Reader) error) error {
	var early, late filter.And
	var words []string
	for _, e := range flattened(where) {
		if saidByRevision(e) {
			early = append(early, e)
			continue
		}
		late = append(late, e)
		if t, ok := e.(filter.Text); ok {
			words = append(words, t.Words...)
		}
	}
	meets, meetsLate := filter.Prepared(early), filter.Prepared(late)
	return s.revisions(ctx, c.Tenant, p, func(found []store.Row) error {
		var rows []pastRow
		for _, row := range found {
			was, err := revisionOf(row)
			if err != nil {
				return err
			}
			if !mayHaveWords(was.doc, words) {
				continue
			}
			if len(early) > 0 || len(late) == 0 && !needed {
				doc, err := filter.NewRowReader(was.id, was.doc)
				if err != nil {
					return err
				}
				if !doc.Match(meets) {
					continue
				}
				if len(late) == 0 && !needed {
					if err := fn(was, doc); err != nil {
						return err
					}
					continue
				}
			}
			rows = append(rows, was)
		}
		if err := s.complete(ctx, c, p.kind, rows); err != nil {
			return err
		}
		for _, was := range rows {
			doc, err := filter.NewRowReader(was.id, was.doc)
			if err != nil {
				return err
			}
			if !doc.Match(meetsLate) {
				continue
			}
			if err := fn(was, doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachThen hands fn the rows of all that met the condition at the moment, in no order.
func (s *Service) eachThen(ctx context.Context, c Caller, p *pastSet, where filter.And, fn func(store.Row) error) error {
	err := s.eachChanged(ctx, c, p, where, true, func(r pastRow, _ filter.Reader) error { return fn(r.row(c, p)) })
	if err != nil || p.changed == nil {
		return err
	}
	return store.Each(ctx, s.opt.Store, p.today(c, where), func(row store.Row) error {
		if _, other := p.changed[row.ID]; other {
			return nil
		}
		return fn(row)
	})
}

func (r pastRow) row(c Caller, p *pastSet) store.Row {
	row := store.Row{ID: r.id, Tenant: c.Tenant, Version: r.version, Doc: r.doc}
	if p.kind != nil {
		row.Part = p.kind.Name
	}
	return row
}

// flattened are the conditions that all have to be met.
func flattened(e filter.And) filter.And {
	var out filter.And
	for _, x := range e {
		if inner, ok := x.(filter.And); ok {
			out = append(out, flattened(inner)...)
			continue
		}
		out = append(out, x)
	}
	return out
}

// mayHaveWords is false for a document that surely lacks one of the words, which costs far less to find out than which words it has.
func mayHaveWords(doc []byte, words []string) bool {
	if len(words) == 0 || bytes.Contains(doc, []byte(`\u`)) || bytes.ContainsFunc(doc, func(r rune) bool { return r > 0x7e }) {
		return true // a letter may be written in several ways
	}
	folded := bytes.ToLower(doc)
	return !slices.ContainsFunc(words, func(w string) bool { return !bytes.Contains(folded, []byte(w)) })
}

// complete makes of revisions the documents of rows: of the kind's table or, where there is none, of the heads'. Rights are today's.
func (s *Service) complete(ctx context.Context, c Caller, kind *schema.Kind, rows []pastRow) error {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.id
	}
	today, err := getRows(ctx, s.opt.Store, tHeads, c.Tenant, "", ids)
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		var doc resourceDoc
		if err := json.Unmarshal(r.doc, &doc.revision); err != nil {
			return fmt.Errorf("decode revision of %s: %w", r.id, err)
		}
		if row, ok := today[r.id]; ok {
			head, err := decodeRow[headDoc](row)
			if err != nil {
				return err
			}
			doc.AccessRoots = head.AccessRoots
		}
		var full any = &doc
		if of := kind; of != nil {
			doc.derive(of)
		} else {
			k, err := s.kind(ctx, c.Tenant, doc.Kind)
			switch {
			case err == nil:
				doc.derive(k.Kind)
			case errors.Is(err, ErrNotFound): // of a plugin that is not there any more
				doc.derive(&schema.Kind{Name: doc.Kind})
			default:
				return err
			}
			full = doc.head()
		}
		part := ""
		if kind != nil {
			part = kind.Name
		}
		row, err := encodeRow(r.id, c.Tenant, part, r.version, full)
		if err != nil {
			return err
		}
		r.doc = row.Doc
	}
	return nil
}

// prunedDoc is of a resource that was forgotten after having been gone or unwatched for long: no change says so.
type prunedDoc struct {
	Kind    string     `json:"kind"`
	Version int64      `json:"version"`
	At      store.Time `json:"at"`
}

// rememberPruned is written before the resource goes.
func rememberPruned(tenant, kind, id string, version int64, at time.Time) (store.Write, error) {
	row, err := encodeRow(id, tenant, "", 1, prunedDoc{Kind: kind, Version: version, At: store.At(at)})
	return store.Write{Table: tPruned, Op: store.Put, Row: row}, err
}

// forgetPruned drops what only moments before the horizon would need.
func (s *Service) forgetPruned(ctx context.Context, _ time.Time) error {
	if s.opt.Horizon == nil {
		return nil
	}
	tenants, err := s.opt.Store.Tenants(ctx, tPruned)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		earliest, err := s.opt.Horizon(ctx, tenant)
		if err != nil {
			return fmt.Errorf("read retention horizon: %w", err)
		}
		if earliest.IsZero() {
			continue
		}
		var ops []store.Write
		err = store.Each(ctx, s.opt.Store, store.Query{Table: tPruned, Tenant: tenant,
			Where: filter.Compare{Field: when("at"), Op: filter.Lt, Value: earliest.UTC().Format(store.TimeLayout)}}, func(row store.Row) error {
			ops = append(ops, store.Write{Table: tPruned, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: tenant}})
			return nil
		})
		if err != nil {
			return err
		}
		for part := range slices.Chunk(ops, rowsPerUnit) {
			if err := s.opt.Store.Update(ctx, func(tx store.Tx) error { _, err := tx.Write(ctx, part...); return err }); err != nil {
				return fmt.Errorf("forget what was pruned before %s: %w", earliest.Format(time.RFC3339), err)
			}
		}
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
