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
	// work bounds what is gone through of all; nil goes through all. cut says that it was not all.
	work *pastWork
	cut  bool
}

// moments of collectors' clocks may differ by this much.
const clockMargin = time.Minute

// differing hands fn how a moment differs from today: by what changed since where that is little and recent allows it, so that it
// costs what happened since and not what happened before; else by everything. fn begins anew when it is called again, since what
// it took for unchanged may have changed meanwhile. Of a moment before which little had happened, that little is all: a store
// that was filled since then is not gone through. Nor is it for a caller who may see little.
func (s *Service) differing(ctx context.Context, c Caller, kind *schema.Kind, at time.Time, recent bool, fn func(*pastSet) error) error {
	for range 3 {
		if !recent {
			break
		}
		begun := s.now()
		changed, err := s.changedSince(ctx, c.Tenant, kind, at)
		if errors.Is(err, ErrTooBroad) {
			break
		}
		if err != nil {
			return err
		}
		if err := fn(&pastSet{kind: kind, changed: changed, at: at}); err != nil {
			return err
		}
		again, err := s.changedSince(ctx, c.Tenant, kind, latest(at, begun.Add(-clockMargin)))
		if err != nil && !errors.Is(err, ErrTooBroad) {
			return err
		}
		if err == nil && !slices.ContainsFunc(slices.Collect(maps.Keys(again)), func(id string) bool { _, known := changed[id]; return !known }) {
			return nil
		}
	}
	then, err := s.changedUntil(ctx, c.Tenant, kind, at)
	if errors.Is(err, ErrTooBroad) && !c.TenantWide {
		then, err = s.ownUntil(ctx, c, kind, at)
	}
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

// mostOwn is of how many resources, that a caller may see, it is looked up what they were, instead of going through all.
const mostOwn = 20_000

// ownUntil is what there was until a moment of what the caller may see. That is decided by rights of today, but of what was forgotten since
// then, which has none.
func (s *Service) ownUntil(ctx context.Context, c Caller, kind *schema.Kind, at time.Time) (map[string]span, error) {
	own := store.Query{Table: tHeads, Tenant: c.Tenant, Where: filter.And{c.may()}, Bare: true}
	pruned := filter.And{filter.Compare{Field: when("at"), Op: filter.Gt, Value: at.UTC().Format(store.TimeLayout)}}
	if kind != nil {
		own.Where = filter.And{eq(text("kind"), kind.Name), c.may()}
		pruned = append(filter.And{eq(text("kind"), kind.Name)}, pruned...)
	}
	most := min(mostOwn, s.opt.ChangesHeld)
	var ids []string
	for _, q := range []store.Query{own, {Table: tPruned, Tenant: c.Tenant, Where: pruned, Bare: true}} {
		if n, err := s.opt.Store.Count(ctx, q, most+1); err != nil {
			return nil, fmt.Errorf("count what %s sees: %w", c.Name, err)
		} else if n > most {
			return nil, ErrTooBroad
		}
		if err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error { ids = append(ids, row.ID); return nil }); err != nil {
			return nil, err
		}
	}
	out := map[string]span{}
	w := &pastWalk{at: at}
	for part := range slices.Chunk(unique(ids), rowsPerUnit) {
		q := store.Query{Table: tChanges, Tenant: c.Tenant, Where: filter.And{in(text("resource_id"), part), w.until(true)}, Bare: true}
		err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
			id, version, err := changeOf(row.ID)
			if sp := out[id]; err == nil && version > sp.last {
				out[id] = span{last: version}
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look up what was: %w", err)
		}
	}
	return out, nil
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

// revisions hands fn the changes that made what is not as today what it was at the moment, some at a time. fn is told of those that may
// meet the condition; met says that they do, as far as revisions tell.
func (s *Service) revisions(ctx context.Context, tenant string, p *pastSet, cond *pastCondition, fn func(rows []pastRow, met bool) error) error {
	if p.walked() {
		return s.everyRevision(ctx, tenant, p, cond, fn)
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
		rows := make([]pastRow, 0, len(part))
		for _, key := range part {
			row, ok := found[key]
			if !ok {
				continue
			}
			was, err := revisionOf(row)
			if err != nil {
				return err
			}
			rows = append(rows, was)
		}
		if p.then != nil {
			if rows, err = s.withoutPruned(ctx, tenant, p.at, rows); err != nil {
				return err
			}
		}
		if err := fn(rows, false); err != nil {
			return err
		}
	}
	return nil
}

// everyRevision goes through all changes until the moment, one resource's after the other's: it takes as long as there are changes, or as the
// work that it may do, and a few rows of memory.
func (s *Service) everyRevision(ctx context.Context, tenant string, p *pastSet, cond *pastCondition, fn func(rows []pastRow, met bool) error) error {
	for w := s.walkAll(tenant, p, cond, false); ; {
		rows, err := w.next(ctx)
		if err != nil || len(rows) == 0 {
			return err
		}
		p.work.look(len(rows))
		if err := fn(rows, w.meets); err != nil {
			return err
		}
		if p.work.used() && !w.over {
			p.cut = true
			return nil
		}
	}
}

// walked says that nothing is held of what changed, so that what is stored is gone through.
func (p *pastSet) walked() bool { return p.changed == nil && p.then == nil }

// today asks the table of what the set is of for its rows of today.
func (p *pastSet) today(c Caller, where filter.Expr) store.Query {
	if p.kind == nil {
		return store.Query{Table: tHeads, Tenant: c.Tenant, Where: where}
	}
	return store.Query{Table: tResources, Tenant: c.Tenant, Part: p.kind.Name, Where: where}
}

func (p *pastSet) kindName() string {
	if p.kind == nil {
		return ""
	}
	return p.kind.Name
}

// of says what is counted or listed, for errors.
func (p *pastSet) of() string {
	if p.kind == nil {
		return "resources"
	}
	return p.kind.Name
}

// pastCondition is a condition on what was: early is what revisions answer, late what only rows do that are made of them.
type pastCondition struct {
	early, meetsEarly, meetsLate filter.Expr
	words                        []string
	// narrow says that early leaves out more than what lists hide, late that there is something that revisions do not answer.
	narrow, late bool
}

func newPastCondition(where filter.And) *pastCondition {
	var narrow, wide, late filter.And
	cond := &pastCondition{}
	for _, e := range flattened(where) {
		if saidByRevision(e) {
			switch e.(type) {
			case filter.Const, filter.Not: // of all, or of nearly all
				wide = append(wide, e)
			default:
				narrow = append(narrow, e)
			}
			continue
		}
		late = append(late, e)
		if t, ok := e.(filter.Text); ok {
			cond.words = append(cond.words, t.Words...)
		}
	}
	cond.early, cond.narrow, cond.late = append(narrow, wide...), len(narrow) > 0, len(late) > 0
	cond.meetsEarly, cond.meetsLate = filter.Prepared(cond.early), filter.Prepared(late)
	return cond
}

// eachChanged hands fn, of what is not as today, all that met the condition at the moment. Documents have what a revision says;
// where needed says so, or the condition asks, they are those of rows.
func (s *Service) eachChanged(ctx context.Context, c Caller, p *pastSet, where filter.And, needed bool, fn func(pastRow, filter.Reader) error) error {
	cond := newPastCondition(where)
	return s.revisions(ctx, c.Tenant, p, cond, func(found []pastRow, met bool) error { return s.meeting(ctx, c, p, cond, found, met, needed, fn) })
}

// meeting hands fn those of found that meet the condition, in their order; met says that they do as far as revisions tell.
func (s *Service) meeting(ctx context.Context, c Caller, p *pastSet, cond *pastCondition, found []pastRow, met, needed bool, fn func(pastRow, filter.Reader) error) error {
	var rows []pastRow
	for _, was := range found {
		if !mayHaveWords(was.doc, cond.words) {
			continue
		}
		if met && (cond.late || needed) {
			rows = append(rows, was)
			continue
		}
		doc, err := filter.NewRowReader(was.id, was.doc)
		if err != nil {
			return err
		}
		if !doc.Match(cond.meetsEarly) {
			continue
		}
		if !cond.late && !needed {
			if err := fn(was, doc); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, was)
	}
	p.work.spend(workOfRow * len(rows))
	if err := s.complete(ctx, c, p.kind, rows); err != nil {
		return err
	}
	for _, was := range rows {
		doc, err := filter.NewRowReader(was.id, was.doc)
		if err != nil {
			return err
		}
		if !doc.Match(cond.meetsLate) {
			continue
		}
		if err := fn(was, doc); err != nil {
			return err
		}
	}
	return nil
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

// withoutPruned leaves out what was forgotten until the moment and had not come back by then.
func (s *Service) withoutPruned(ctx context.Context, tenant string, at time.Time, rows []pastRow) ([]pastRow, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.id
	}
	forgotten, err := getRows(ctx, s.opt.Store, tPruned, tenant, "", ids)
	if err != nil || len(forgotten) == 0 {
		return rows, err
	}
	return slices.DeleteFunc(rows, func(r pastRow) bool {
		row, ok := forgotten[r.id]
		if !ok {
			return false
		}
		doc, e := decodeRow[prunedDoc](row)
		if e != nil {
			err = e
		}
		return !doc.At.After(at) && doc.Version >= r.version
	}), err
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
