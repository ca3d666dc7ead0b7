package inventory

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// countMax is where counting stops unless all is asked for.
const countMax = 10_000

func fieldsAction() []filter.Field { return []filter.Field{text("action")} }

func notQuiet(where filter.Expr) filter.Expr {
	return filter.And{where, filter.Compare{Field: filter.Field{Path: []string{"quiet"}, Type: filter.Bool}, Op: filter.Ne, Value: true}}
}

func over(state string) bool { return state != "queued" && state != "running" }

// runRow reads a run's row; version 0 and ErrNotFound when there is none.
func (s *Service) runRow(ctx context.Context, r store.Reader, tenant, id string) (runDoc, int64, error) {
	rows, err := getRows(ctx, r, tRuns, tenant, "", []string{id})
	if err != nil {
		return runDoc{}, 0, err
	}
	row, ok := rows[id]
	if !ok {
		return runDoc{}, 0, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	doc, err := decodeRow[runDoc](row)
	return doc, row.Version, err
}

// changeRun edits a run's row; fn answers whether there is anything to write. A row that is not there is made when make is
// set.
func (s *Service) changeRun(ctx context.Context, tenant, id string, create bool, fn func(*runDoc) bool) error {
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		doc, version, err := s.runRow(ctx, tx, tenant, id)
		if err != nil && (!create || !errors.Is(err, ErrNotFound)) {
			return err
		}
		if !fn(&doc) {
			return nil
		}
		doc.UpdatedAt = store.At(s.now())
		row, err := encodeRow(id, tenant, "", version+1, doc)
		if err != nil {
			return err
		}
		op := store.Replace // a conflict means that the run itself was heard of meanwhile, which says more
		if version == 0 {
			op = store.Insert
		}
		_, err = tx.Write(ctx, store.Write{Table: tRuns, Op: op, Row: row})
		return err
	})
}

// RequestRun queues a run and answers its id.
func (s *Service) RequestRun(ctx context.Context, req RunRequest) (string, error) {
	if req.RunID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return "", fmt.Errorf("make run id: %w", err)
		}
		req.RunID = id.String()
	}
	err := s.changeRun(ctx, req.Tenant, req.RunID, true, func(d *runDoc) bool {
		if d.State != "" {
			return false
		}
		now := store.At(s.now())
		*d = runDoc{Connection: req.Connection.ID, ConnectionName: req.Connection.Name, Agent: req.Connection.AgentID,
			Provider: req.Connection.Provider, State: "queued", Trigger: req.Trigger, Kinds: req.Kinds, QueuedAt: now, OrderedAt: now}
		return true
	})
	if err != nil {
		return "", fmt.Errorf("queue run: %w", err)
	}
	return req.RunID, nil
}

// Progress notes news of a run that goes on. News of one that is over are ignored.
func (s *Service) Progress(ctx context.Context, p RunProgress) error {
	err := s.changeRun(ctx, p.Tenant, p.RunID, true, func(d *runDoc) bool {
		if d.Closed || d.Connection != "" && d.Connection != p.Connection.ID || d.State != "" && over(d.State) && d.State != "failed" {
			return false
		}
		d.Connection, d.ConnectionName, d.Agent, d.Provider = p.Connection.ID, p.Connection.Name, p.Connection.AgentID, p.Connection.Provider
		d.State = "running"
		if p.Trigger != "" {
			d.Trigger = p.Trigger
		}
		if len(p.Kinds) > 0 {
			d.Kinds = p.Kinds
		}
		if !p.StartedAt.IsZero() {
			d.StartedAt = store.At(p.StartedAt)
		}
		if d.OrderedAt.IsZero() {
			d.OrderedAt = store.At(s.now())
		}
		d.ScopesTotal, d.ScopesDone = max(d.ScopesTotal, p.ScopesTotal), max(d.ScopesDone, p.ScopesDone)
		d.Listed, d.Phase = max(d.Listed, p.Listed), p.Phase
		if len(p.Log) > 0 {
			d.Log = p.Log
		}
		d.Error = ""
		return true
	})
	if err != nil {
		return fmt.Errorf("note progress of run %s: %w", p.RunID, err)
	}
	return nil
}

// FailRun ends a run that will not be heard of again; one that is over stays as it is.
func (s *Service) FailRun(ctx context.Context, tenant, runID, reason string) error {
	return s.endRun(ctx, tenant, runID, "failed", reason)
}

// CancelRun ends a run that someone canceled; one that is over stays as it is.
func (s *Service) CancelRun(ctx context.Context, tenant, runID, reason string) error {
	return s.endRun(ctx, tenant, runID, "canceled", reason)
}

// SupersedeRun ends a run whose reading is not taken any more, since its connection is another one by now. One that nobody heard of,
// and one of another connection, is left alone.
func (s *Service) SupersedeRun(ctx context.Context, tenant, connection, runID, reason string) error {
	doc, _, err := s.runRow(ctx, s.opt.Store, tenant, runID)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && doc.Connection != connection:
		return nil
	case err != nil:
		return fmt.Errorf("end run %s: %w", runID, err)
	}
	return s.endRun(ctx, tenant, runID, "canceled", "superseded: "+reason)
}

func (s *Service) endRun(ctx context.Context, tenant, runID, state, reason string) error {
	err := s.changeRun(ctx, tenant, runID, false, func(d *runDoc) bool {
		if over(d.State) {
			return false
		}
		d.State, d.Error, d.FinishedAt, d.Phase = state, reason, store.At(s.now()), ""
		return true
	})
	if err != nil {
		return fmt.Errorf("end run %s: %w", runID, err)
	}
	return nil
}

func (d runDoc) view(id string) RunInfo {
	out := RunInfo{ID: id, Connection: d.Connection, ConnectionRef: d.ConnectionName, Agent: d.Agent, Provider: d.Provider,
		State: d.State, Trigger: d.Trigger, Kinds: d.Kinds, QueuedAt: d.QueuedAt.Time, StartedAt: d.StartedAt.Time,
		FinishedAt: d.FinishedAt.Time, UpdatedAt: d.UpdatedAt.Time, ScopesTotal: d.ScopesTotal, ScopesDone: d.ScopesDone,
		Listed: d.Listed, Phase: d.Phase, Created: d.Created, Updated: d.Updated, Gone: d.Gone, Returned: d.Returned,
		Unwatched: d.Unwatched, Held: d.Held, Rejected: d.Rejected, Unchanged: d.Unchanged, PlanComplete: d.PlanComplete,
		Statuses: map[string]int{}, Error: d.Error, Warnings: d.Warnings, Log: d.Log, PluginVersion: d.PluginVersion,
		Epoch: d.Epoch, Generation: d.Generation}
	for _, c := range d.Statuses {
		out.Statuses[c.Key] = c.Count
	}
	return out
}

// Runs is a page of runs, newest first.
func (s *Service) Runs(ctx context.Context, c Caller, q RunQuery) (*RunList, error) {
	where := filter.And{}
	if !c.TenantWide {
		where = append(where, in(text("connection"), c.Connections))
	}
	for _, f := range []struct{ field, value string }{{"connection", q.Connection}, {"state", q.State}, {"agent", q.Agent}} {
		if f.value != "" {
			where = append(where, eq(text(f.field), f.value))
		}
	}
	order := when("ordered_at")
	if !q.FinishedUntil.IsZero() {
		order = when("finished_at")
		where = append(where, filter.Compare{Field: order, Op: filter.Ge, Value: q.FinishedFrom.UTC().Format(store.TimeLayout)},
			filter.Compare{Field: order, Op: filter.Le, Value: q.FinishedUntil.UTC().Format(store.TimeLayout)})
	}
	sq := store.Query{Table: tRuns, Tenant: c.Tenant, Where: where, Order: []store.Order{{Field: order, Desc: true}}, After: q.After, Limit: q.Limit}
	page, err := s.opt.Store.Find(ctx, sq)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	out := &RunList{Next: page.Next}
	for _, row := range page.Rows {
		doc, err := decodeRow[runDoc](row)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, doc.view(row.ID))
	}
	out.Total, out.More, err = s.countUpTo(ctx, sq, false)
	return out, err
}

// countPage is countUpTo for a page that was read: one that begins the list and ends it has all there is, and a filter that no index answers is not
// asked a second time of every row.
func (s *Service) countPage(ctx context.Context, q store.Query, page store.Page, exact bool) (n int, more bool, err error) {
	if q.After == "" && page.Next == "" {
		return len(page.Rows), false, nil
	}
	return s.countUpTo(ctx, q, exact)
}

func (s *Service) countUpTo(ctx context.Context, q store.Query, exact bool) (n int, more bool, err error) {
	limit := countMax
	if exact {
		limit = 0
	}
	q.After = ""
	if n, err = s.opt.Store.Count(ctx, q, limit); err != nil {
		return 0, false, fmt.Errorf("count %s: %w", q.Table, err)
	}
	return n, limit > 0 && n >= limit, nil
}

// Run is one run.
func (s *Service) Run(ctx context.Context, c Caller, id string) (*RunInfo, error) {
	doc, _, err := s.runRow(ctx, s.opt.Store, c.Tenant, id)
	if err != nil {
		return nil, err
	}
	if !c.sees(doc.Connection) {
		return nil, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	out := doc.view(id)
	return &out, nil
}

// LastRuns is the newest run of each of the connections that has one.
func (s *Service) LastRuns(ctx context.Context, tenant string, connections []string) (map[string]RunInfo, error) {
	out := map[string]RunInfo{}
	for _, id := range connections {
		page, err := s.opt.Store.Find(ctx, store.Query{Table: tRuns, Tenant: tenant, Where: eq(text("connection"), id),
			Order: []store.Order{{Field: when("ordered_at"), Desc: true}}, Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("find last run: %w", err)
		}
		for _, row := range page.Rows {
			doc, err := decodeRow[runDoc](row)
			if err != nil {
				return nil, err
			}
			out[id] = doc.view(row.ID)
		}
	}
	return out, nil
}

// RunScopes is a page of a run's plan with outcomes. after is a position in the plan.
func (s *Service) RunScopes(ctx context.Context, c Caller, id, after string, limit int) (*RunScopeList, error) {
	run, err := s.Run(ctx, c, id)
	if err != nil {
		return nil, err
	}
	first := 0
	if after != "" {
		if first, err = strconv.Atoi(after); err != nil || first < 0 {
			return nil, store.ErrBadCursor
		}
	}
	if limit <= 0 || limit > scopesPerRunChunk {
		limit = scopesPerRunChunk
	}
	out := &RunScopeList{Total: run.ScopesTotal}
	for n := first / scopesPerRunChunk; len(out.Items) < limit; n++ {
		key := runChunkID(id, n)
		rows, err := getRows(ctx, s.opt.Store, tRunChunks, c.Tenant, "", []string{key})
		if err != nil {
			return nil, err
		}
		row, ok := rows[key]
		if !ok {
			return out, nil
		}
		doc, err := decodeRow[runChunk](row)
		if err != nil {
			return nil, err
		}
		for i, rs := range doc.Scopes {
			at := n*scopesPerRunChunk + i
			if at < first {
				continue
			}
			if len(out.Items) == limit {
				out.Next = strconv.Itoa(at)
				return out, nil
			}
			scope, err := resource.ParseScopeKey(rs.Key)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, RunScope{Scope: scope, Outcome: rs.Outcome, Changed: rs.Changed, Verdict: rs.Verdict,
				Reason: rs.Reason, Rejected: rs.Rejected})
		}
	}
	if len(out.Items) == limit && first+limit < run.ScopesTotal {
		out.Next = strconv.Itoa(first + limit)
	}
	return out, nil
}
