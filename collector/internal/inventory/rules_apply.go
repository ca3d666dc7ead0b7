package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/mapping"
	"maestro.internal/collector/internal/store"
)

// follow makes a unit merge under the tenant's rules.
func (u *unit) follow(rules *tenantRules) {
	u.rules = rules
	if rules != nil && rules.rules != nil {
		u.where = rules.conditions(u.kind, u.now)
	}
}

// trial is a unit that writes nothing.
func (s *Service) trial(ctx context.Context, c Caller, kind string) (*unit, error) {
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return nil, err
	}
	rules, err := s.rulesFor(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	u := s.unit(c.Tenant, k.Kind, cause{actor: c.Name}, readOnly{s.opt.Store})
	u.follow(rules)
	return u, nil
}

// MappingEffect is what a mapping would change.
type MappingEffect struct {
	// Looked at are the resources that were tried, of Total; Changed are those of them that would change.
	Looked, Total, Changed int
	// Samples are some of the changes. Wanted are names of systems and applications that nothing is recorded under.
	Samples []MappingSample
	Wanted  map[string]int
	// Conflicts are rules that disagree, those of most resources first.
	Conflicts []MappingConflict
}

// MappingSample is one resource that would change.
type MappingSample struct {
	Head
	Diff []FieldChange
}

const (
	mappingPage    = 200
	mappingLooks   = 5000
	mappingSamples = 50
)

// PreviewMapping tries a mapping on the resources that the caller may see, up to 5,000 of a kind or of all, and writes
// nothing.
func (s *Service) PreviewMapping(ctx context.Context, c Caller, m Mapping, kind string) (*MappingEffect, error) {
	ready, err := s.checkMapping(ctx, c.Tenant, m)
	if err != nil {
		return nil, err
	}
	return s.preview(ctx, c, kind, func(u *unit) {
		rules := *ready
		rules.disagreed = map[string][]mapping.Conflict{}
		u.follow(&rules)
	})
}

// preview merges resources anew as units that were set up so would, and writes nothing.
func (s *Service) preview(ctx context.Context, c Caller, kind string, setUp func(*unit)) (*MappingEffect, error) {
	where := filter.And{c.may(), shown(false)}
	if kind != "" {
		where = append(where, eq(text("kind"), kind))
	}
	out := &MappingEffect{Wanted: map[string]int{}}
	q := store.Query{Table: tHeads, Tenant: c.Tenant, Where: where, Limit: mappingPage}
	var err error
	if out.Total, _, err = s.countUpTo(ctx, q, true); err != nil {
		return nil, err
	}
	for out.Looked < mappingLooks {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("preview: %w", err)
		}
		byKind, err := kindsOfHeads(page.Rows)
		if err != nil {
			return nil, err
		}
		for _, k := range slices.Sorted(maps.Keys(byKind)) {
			if err := s.tryMerge(ctx, c, setUp, k, byKind[k], out); err != nil {
				return nil, err
			}
		}
		out.Looked += len(page.Rows)
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	out.sortConflicts()
	return out, nil
}

func kindsOfHeads(rows []store.Row) (map[string][]string, error) {
	out := map[string][]string{}
	for _, row := range rows {
		doc, err := decodeRow[headDoc](row)
		if err != nil {
			return nil, err
		}
		out[doc.Kind] = append(out[doc.Kind], row.ID)
	}
	return out, nil
}

func (s *Service) tryMerge(ctx context.Context, c Caller, setUp func(*unit), kind string, ids []string, out *MappingEffect) error {
	u, err := s.trial(ctx, c, kind)
	if err != nil {
		return err
	}
	setUp(u)
	if err := u.loadResources(ctx, ids); err != nil {
		return err
	}
	was := map[string]revision{}
	for _, id := range ids {
		was[id] = u.res[id].rev
		u.touch(u.res[id])
	}
	if err := u.settle(); err != nil {
		return err
	}
	var wants []string
	for _, id := range ids {
		rec := u.res[id]
		wants = append(wants, wantsOf(rec.rev.RuleEdges)...)
		for _, c := range u.ruleConflicts(id) {
			out.conflict(Head{ID: id, Kind: kind, Name: rec.rev.Name, State: rec.rev.State, Datacenter: rec.rev.Datacenter, Version: rec.version, UpdatedAt: rec.rev.UpdatedAt.Time}, c)
		}
		if rec.change == nil {
			continue
		}
		out.Changed++
		if len(out.Samples) < mappingSamples {
			old := was[id]
			h := Head{ID: id, Kind: kind, Name: rec.rev.Name, State: rec.rev.State, Datacenter: rec.rev.Datacenter, Version: rec.version - 1, UpdatedAt: old.UpdatedAt.Time}
			out.Samples = append(out.Samples, MappingSample{Head: h, Diff: rec.change.Diff})
		}
	}
	found, err := s.resolveWants(ctx, c.Tenant, unique(slices.Clone(wants)))
	if err != nil {
		return err
	}
	for _, id := range ids {
		for _, e := range u.res[id].rev.RuleEdges {
			if len(found[e.Want]) == 0 && len(out.Wanted) < 100 {
				out.Wanted[e.Kind+" "+e.Label]++
			}
		}
	}
	return nil
}

// MappingJob is how far the inventory follows the newest mapping.
type MappingJob struct {
	Version              int64
	Running              bool
	Done, Total, Changed int
	Began, Ended         time.Time
}

// MappingJob reads it; the zero job is that there never was a mapping.
func (s *Service) MappingJob(ctx context.Context, tenant string) (MappingJob, error) {
	rows, err := s.opt.Store.Get(ctx, tMappingJobs, tenant, "", []string{store.Key(tenant)})
	if err != nil {
		return MappingJob{}, fmt.Errorf("read mapping job: %w", err)
	}
	row, ok := rows[store.Key(tenant)]
	if !ok {
		return MappingJob{}, nil
	}
	doc, err := decodeRow[mappingJobDoc](row)
	return MappingJob{Version: doc.Version, Running: doc.State == "running", Done: doc.Done, Total: doc.Total, Changed: doc.Changed,
		Began: doc.Began.Time, Ended: doc.Ended.Time}, err
}

// mappingShare is how many resources one sweep brings in line.
const mappingShare = 20_000

// sweepMappings brings the inventory in line with mappings that were saved. What it does is found again after a crash: a
// resource that is in line already makes no change.
func (s *Service) sweepMappings(ctx context.Context, _ time.Time) error {
	var rows []store.Row
	q := store.Query{Table: tMappingJobs, AllTenants: true, Where: eq(text("state"), "running")}
	if err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error { rows = append(rows, row); return nil }); err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.runMapping(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) runMapping(ctx context.Context, row store.Row) error {
	job, err := decodeRow[mappingJobDoc](row)
	if err != nil {
		return err
	}
	s.forgetRules(row.Tenant)
	q := store.Query{Table: tHeads, Tenant: row.Tenant, Limit: mappingPage, After: job.After}
	reason := "the mapping rules were changed"
	if len(job.Only) > 0 {
		q.Where, reason = in(texts("access_roots"), job.Only), "its account serves another client"
	}
	for began := job.Done; job.Done-began < mappingShare; {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("read resources: %w", err)
		}
		byKind, err := kindsOfHeads(page.Rows)
		if err != nil {
			return err
		}
		for _, kind := range slices.Sorted(maps.Keys(byKind)) {
			n, err := s.remap(ctx, row.Tenant, kind, byKind[kind], reason)
			if err != nil {
				return err
			}
			job.Changed += n
		}
		job.Done += len(page.Rows)
		job.After, q.After = page.Next, page.Next
		if page.Next == "" {
			job.State, job.Ended = "done", store.At(s.now())
		}
		next, err := encodeRow(row.ID, row.Tenant, "", row.Version+1, job)
		if err != nil {
			return err
		}
		var conflicts []int
		err = s.opt.Store.Update(ctx, func(tx store.Tx) (err error) {
			conflicts, err = tx.Write(ctx, store.Write{Table: tMappingJobs, Op: store.Replace, Row: next})
			return err
		})
		if err != nil || len(conflicts) > 0 || page.Next == "" {
			return err // a newer mapping begins anew
		}
		row = next
	}
	return nil
}

// remap merges resources again, under the rules of now.
func (s *Service) remap(ctx context.Context, tenant, kind string, ids []string, reason string) (changed int, err error) {
	k, err := s.kind(ctx, tenant, kind)
	if err != nil {
		return 0, err
	}
	err = s.work(ctx, tenant, k.Kind, cause{actor: "rule:mapping", reason: reason}, func(u *unit) error {
		changed = 0
		if err := u.loadResources(ctx, ids); err != nil {
			return err
		}
		for _, id := range ids {
			if rec := u.res[id]; rec != nil && rec.version > 0 {
				u.touch(rec)
			}
		}
		u.after = func() {
			for _, id := range ids {
				if rec := u.res[id]; rec != nil && rec.change != nil {
					changed++
				}
			}
		}
		return nil
	})
	return changed, err
}

// ruleWrites are the rows of relations that rules make. Those of what is touched are written every time: after a crash the
// projection may have what the rows have not.
func (u *unit) ruleWrites(old, new map[string]relationDoc) {
	for _, id := range u.touched {
		rec := u.res[id]
		for _, e := range rec.rulesBefore {
			key := store.Key(u.tenant, id, e.Verb, e.Want)
			old[key] = relationDoc{From: id, FromKind: u.kind.Name, edge: e}
		}
		if rec.rev.State == Merged {
			continue
		}
		for _, e := range rec.rev.RuleEdges {
			key := store.Key(u.tenant, id, e.Verb, e.Want)
			new[key] = relationDoc{From: id, FromKind: u.kind.Name, edge: e}
			delete(old, key)
		}
	}
}
