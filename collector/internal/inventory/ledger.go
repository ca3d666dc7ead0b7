package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// ScopeInfo is how a scope of a connection stands: its line of the coverage ledger. It outlives runs.
type ScopeInfo struct {
	Connection string
	Scope      resource.Scope
	// Status is how it ended last; "" while it was never tried. Error and Advice are the provider's own.
	Status        resource.Status
	Error, Advice string
	// Verdict is what the collector made of the last capture: applied, unchanged, superseded, failed.
	Verdict string
	// Listed counts the keys that the scope has, Rejected those of them that were not taken.
	Listed, Rejected int
	LastRun          string
	// LastComplete is zero when it was never read to its end.
	LastComplete, Since time.Time
	// Planned says that the latest plan of the kind has it, PlanComplete what that plan said of itself.
	Planned, PlanComplete bool
	// Unwatched says why nothing of it is believed to be watched; "" when it is.
	Unwatched string
	// Undecided says that it has keys that were not listed any more and of which nothing is decided.
	Undecided bool
}

// ScopeQuery asks for lines of the coverage ledger.
type ScopeQuery struct {
	Connection string
	Kind       string
	// Status is one of an outcome's, "never" for what was never tried, "incomplete" for all but complete.
	Status string
	// Dropped asks for scopes too that are no longer planned.
	Dropped bool
	After   string
	Limit   int
}

// ScopeList is a page of the coverage ledger.
type ScopeList struct {
	Items []ScopeInfo
	Next  string
	Total int
}

// The words of ScopeQuery.Status beside those of outcomes.
const (
	ScopeNever      = "never"
	ScopeIncomplete = "incomplete"
)

func (q ScopeQuery) takes(st *scopeState, scope resource.Scope) bool {
	switch {
	case !st.Planned && !q.Dropped, q.Kind != "" && scope.Kind != q.Kind:
		return false
	case q.Status == ScopeNever:
		return st.Status == ""
	case q.Status == ScopeIncomplete:
		return st.Status != resource.StatusComplete
	}
	return q.Status == "" || string(st.Status) == q.Status
}

func (st *scopeState) info(connection string, scope resource.Scope) ScopeInfo {
	out := ScopeInfo{Connection: connection, Scope: scope, Status: st.Status, Error: st.Error, Advice: st.Advice, Verdict: st.Verdict, Listed: int(st.Digest.Count),
		Rejected: st.Rejected, LastRun: st.LastRun, LastComplete: st.LastComplete.Time, Since: st.Since.Time, Planned: st.Planned, PlanComplete: st.PlanComplete,
		Undecided: st.Undecided}
	switch {
	case st.Dropped:
		out.Unwatched = "it is no longer planned"
	case st.Unread:
		out.Unwatched = "it was not read for too long"
	}
	return out
}

// EachScope hands out the lines of the ledger that are asked for until fn says that it is enough.
func (s *Service) EachScope(ctx context.Context, c Caller, q ScopeQuery, fn func(ScopeInfo) bool) error {
	return s.eachScope(ctx, c, q, func(info ScopeInfo, _ int) bool { return fn(info) })
}

var scopeOrder = []store.Order{{Field: text("connection")}}

func (s *Service) eachScope(ctx context.Context, c Caller, q ScopeQuery, fn func(info ScopeInfo, at int) bool) error {
	sq := store.Query{Table: tScopes, Tenant: c.Tenant, Order: scopeOrder, Limit: 50}
	if q.Connection != "" {
		sq.Where = eq(text("connection"), q.Connection)
	}
	enough := fmt.Errorf("enough")
	err := store.Each(ctx, s.opt.Store, sq, func(row store.Row) error {
		chunk, err := decodeRow[scopeChunk](row)
		if err != nil || !c.sees(chunk.Connection) {
			return err
		}
		for i := range chunk.States {
			scope, err := resource.ParseScopeKey(chunk.States[i].Key)
			if err != nil {
				return fmt.Errorf("read scope: %w", err)
			}
			if !q.takes(&chunk.States[i], scope) {
				continue
			}
			if !fn(chunk.States[i].info(chunk.Connection, scope), chunk.Number*statesPerChunk+i) {
				return enough
			}
		}
		return nil
	})
	if err == enough { //nolint:errorlint // it is this very one
		return nil
	}
	if err != nil {
		return fmt.Errorf("read coverage: %w", err)
	}
	return nil
}

// Scopes is a page of the coverage ledger: how every scope stands that connections plan to read.
func (s *Service) Scopes(ctx context.Context, c Caller, q ScopeQuery) (*ScopeList, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 50
	}
	out := &ScopeList{Items: []ScopeInfo{}}
	// The states of a tenant are few rows, so all are counted; the page begins where the last one ended.
	var at scopePosition
	if q.After != "" {
		var err error
		if at, err = parseScopePosition(q.After); err != nil {
			return nil, err
		}
	}
	var last scopePosition
	err := s.eachScope(ctx, c, q, func(info ScopeInfo, n int) bool {
		out.Total++
		here := scopePosition{info.Connection, n}
		switch {
		case q.After != "" && here.compare(at) <= 0:
		case len(out.Items) < limit:
			out.Items = append(out.Items, info)
			last = here
		case out.Next == "":
			out.Next = last.String()
		}
		return true
	})
	return out, err
}

// scopePosition is where a line lies: among those of its connection.
type scopePosition struct {
	connection string
	at         int
}

func (p scopePosition) String() string { return strconv.Itoa(p.at) + "@" + p.connection }

func parseScopePosition(text string) (scopePosition, error) {
	at, connection, ok := strings.Cut(text, "@")
	n, err := strconv.Atoi(at)
	if err != nil || !ok {
		return scopePosition{}, store.ErrBadCursor
	}
	return scopePosition{connection, n}, nil
}

func (p scopePosition) compare(o scopePosition) int {
	return cmp.Or(strings.Compare(p.connection, o.connection), cmp.Compare(p.at, o.at))
}

// ScopesOf are the lines of the ledger that a resource's own observations lie in.
func (s *Service) ScopesOf(ctx context.Context, c Caller, kind, id string) ([]ScopeInfo, error) {
	doc, _, _, err := s.current(ctx, s.opt.Store, c, kind, id)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(doc.Sources))
	for i, src := range doc.Sources {
		ids[i] = src.Observation
	}
	rows, err := getChunks(ctx, s.opt.Store, tObservations, c.Tenant, "", ids)
	if err != nil {
		return nil, err
	}
	wanted := map[string][]string{} // connection -> scopes
	for _, id := range ids {
		row, ok := rows[id]
		if !ok {
			continue
		}
		o, err := decodeRow[obsDoc](row)
		if err != nil {
			return nil, err
		}
		if c.sees(o.Connection) && !slices.Contains(wanted[o.Connection], o.Scope) {
			wanted[o.Connection] = append(wanted[o.Connection], o.Scope)
		}
	}
	var out []ScopeInfo
	for _, connection := range keysOf(wanted) {
		set, err := loadScopes(ctx, s.opt.Store, c.Tenant, connection)
		if err != nil {
			return nil, err
		}
		for _, key := range wanted[connection] {
			scope, err := resource.ParseScopeKey(key)
			if err != nil {
				return nil, fmt.Errorf("read scope: %w", err)
			}
			if i, ok := set.byKey[key]; ok {
				out = append(out, set.states[i].info(connection, scope))
			}
		}
	}
	return out, nil
}
