package inventory

import (
	"bytes"
	"context"
	"slices"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// tally counts what the run changed, from the changes themselves, so that a replay counts the same.
func (r *Run) tally(ctx context.Context) error {
	d := &r.doc
	d.Created, d.Updated, d.Gone, d.Returned, d.Unwatched, d.Rejected, d.Listed = 0, 0, 0, 0, 0, 0, 0
	for i := range r.scopes {
		d.Listed += int64(r.scopes[i].Outcome.Listed)
		d.Rejected += r.set.state(r.scopes[i].Key, store.Time{}).Rejected
	}
	d.Held = 0
	err := store.Each(ctx, r.s.opt.Store, store.Query{Table: tHeld, Tenant: r.start.Tenant, Where: eq(text("run_id"), r.start.RunID)}, func(row store.Row) error {
		h, err := decodeRow[heldDoc](row)
		d.Held += h.Count
		return err
	})
	if err != nil {
		return err
	}
	groups, err := r.s.opt.Store.Group(ctx, store.Query{Table: tChanges, Tenant: r.start.Tenant, Where: notQuiet(eq(text("run_id"), r.start.RunID)),
		Limit: 100}, fieldsAction())
	if err != nil {
		return err
	}
	for _, g := range groups {
		action, _ := g.Values[0].(string)
		switch action {
		case "created":
			d.Created = g.Count
		case "updated", "merged":
			d.Updated += g.Count
		case "gone":
			d.Gone = g.Count
		case "returned":
			d.Returned = g.Count
		case "unwatched":
			d.Unwatched = g.Count
		}
	}
	d.ScopesDone = len(r.scopes)
	return nil
}

func countedOf(m map[string]int) []counted {
	out := make([]counted, 0, len(m))
	for k, n := range m {
		out = append(out, counted{k, n})
	}
	slices.SortFunc(out, func(a, b counted) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	return out
}

// CanceledOnRequest is the error of a run that somebody canceled, in the agent's words.
const CanceledOnRequest = "canceled on request"

// stateOf is the run's state, given how its scopes ended.
func stateOf(statuses map[string]int, problem string) string {
	good := statuses[string(resource.StatusComplete)] + statuses[string(resource.StatusUnsupported)]
	total := 0
	for _, n := range statuses {
		total += n
	}
	some := good > 0 || statuses[string(resource.StatusPartial)] > 0
	switch {
	case problem == "canceled", problem == CanceledOnRequest:
		return "canceled"
	case problem == "" && good == total:
		return "succeeded"
	case some:
		return "partial"
	}
	return "failed"
}
