package inventory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// loadObs reads observations that are not at hand. Those that do not exist are absent from u.obs.
func (u *unit) loadObs(ctx context.Context, ids []string) error {
	ids = slices.DeleteFunc(unique(slices.Clone(ids)), func(id string) bool { return u.obs[id] != nil })
	rows, err := getChunks(ctx, u.tx, tObservations, u.tenant, "", ids)
	if err != nil {
		return err
	}
	for id, row := range rows {
		doc, err := decodeRow[obsDoc](row)
		if err != nil {
			return err
		}
		seen, err := u.observed(id, &doc, row.Blob)
		if err != nil {
			return err
		}
		u.obs[id] = &obsRec{id: id, doc: doc, blob: row.Blob, seen: seen, was: seen, row: row.Version}
	}
	return nil
}

// observed takes a stored observation apart.
func (u *unit) observed(id string, doc *obsDoc, blob []byte) (*observed, error) {
	var env resource.Envelope
	if err := json.Unmarshal(blob, &env); err != nil {
		return nil, fmt.Errorf("decode observation %s: %w", id, err)
	}
	if len(env.Attributes) > 0 {
		clean, _, err := u.kind.Validate(env.Attributes)
		if err != nil {
			return nil, fmt.Errorf("decode observation %s: %w", id, err)
		}
		env.Attributes = clean
	}
	stale := withPrevious(&env, doc.Previous)
	o := observedOf(id, doc, env)
	o.stale = stale
	return o, nil
}

func observedOf(id string, doc *obsDoc, env resource.Envelope) *observed {
	return &observed{id: id, connection: doc.Connection, provider: doc.Provider, precedence: doc.Precedence, preference: cmp.Or(doc.Preference, usualPreference), silent: doc.Silent, state: doc.State,
		since: doc.StateSince.Time, reason: doc.StateReason, at: doc.ObservedAt, env: env,
		edges: edgesOf(&env, doc.Connection), warnings: doc.Warnings, datacenter: doc.Datacenter, client: doc.Client}
}

// loadResources reads resources and all observations that they consist of. One that is merged brings the one it lives
// on as. One that does not exist is made, empty, with version 0.
func (u *unit) loadResources(ctx context.Context, ids []string) error {
	for depth := 0; len(ids) > 0; depth++ {
		if depth > 20 {
			return fmt.Errorf("read resources: redirects run in a circle")
		}
		ids = slices.DeleteFunc(unique(slices.Clone(ids)), func(id string) bool { return u.res[id] != nil })
		rows, err := getChunks(ctx, u.tx, tResources, u.tenant, u.kind.Name, ids)
		if err != nil {
			return err
		}
		var next, obs []string
		for _, id := range ids {
			rec, err := u.loadResource(ctx, id, rows)
			if err != nil {
				return err
			}
			u.res[id] = rec
			if rec.rev.State == Merged && rec.rev.RedirectTo != "" {
				u.alias[id] = rec.rev.RedirectTo
				next = append(next, rec.rev.RedirectTo)
			}
			for _, src := range rec.rev.Sources {
				obs = append(obs, src.Observation)
			}
		}
		if err := u.loadObs(ctx, obs); err != nil {
			return err
		}
		for _, id := range ids {
			u.addMembers(u.res[id])
		}
		if u.patient && u.strayed(ids) {
			return &raceError{wait: true}
		}
		ids = next
	}
	return nil
}

// strayed says whether an observation at hand belongs to one of the resources by its own word but not by theirs. On a store
// without transactions somebody is moving it: it was read before that, or is still to be written.
func (u *unit) strayed(ids []string) bool {
	for _, o := range u.obs {
		if o.row == 0 || !slices.Contains(ids, o.doc.ResourceID) {
			continue
		}
		rec := u.res[o.doc.ResourceID]
		if rec.rev.State != Merged && !slices.ContainsFunc(rec.rev.Sources, func(src source) bool { return src.Observation == o.id }) {
			return true
		}
	}
	return false
}

func (u *unit) loadResource(ctx context.Context, id string, rows map[string]store.Row) (*resRec, error) {
	rec := &resRec{id: id, members: map[string]bool{}, before: map[string]bool{}}
	if row, ok := rows[id]; ok {
		doc, err := decodeRow[resourceDoc](row)
		if err != nil {
			return nil, err
		}
		rec.version, rec.rev, rec.hash = row.Version, doc.revision, doc.ChangeHash
		if doc.State != Merged { // one that was merged away has none left
			rec.manualBefore, rec.rulesBefore = doc.ManualEdges, doc.RuleEdges
		}
	}
	if !u.roll[id] {
		return rec, nil
	}
	page, err := u.tx.Find(ctx, store.Query{Table: tChanges, Tenant: u.tenant, Where: eq(text("resource_id"), id),
		Order: []store.Order{{Field: number("version"), Desc: true}}, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read changes of %s: %w", id, err)
	}
	if len(page.Rows) > 0 {
		c, err := decodeRow[changeDoc](page.Rows[0])
		if err != nil {
			return nil, err
		}
		if c.Version > rec.version {
			rec.version, rec.rev, rec.hash, rec.behind = c.Version, c.Revision, c.Hash, true
			u.touch(rec)
		}
	}
	return rec, nil
}

func (u *unit) addMembers(rec *resRec) {
	for _, src := range rec.rev.Sources {
		o := u.obs[src.Observation]
		if o != nil && o.doc.ResourceID == rec.id {
			rec.members[o.id], rec.before[o.id] = true, true
		}
	}
}
