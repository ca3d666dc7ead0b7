package approval

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
)

// Rule is how a tenant decides subjects of one kind.
type Rule struct {
	// Required says that it is asked at all. Removals that are held and plugins' kinds always are.
	Required bool `json:"required"`
	// Over is of bulk edits: so many resources may be edited without asking.
	Over int `json:"over,omitempty"`
	// ExpiresAfterHours ends what nobody decided; 0 is never.
	ExpiresAfterHours int `json:"expires_after_hours"`
	// Persons who have to approve: 1 or 2.
	Persons int `json:"persons"`
	// RequesterMayDecide lets who asked decide too.
	RequesterMayDecide bool `json:"requester_may_decide"`
	// Roles and Teams (by id) narrow who may decide among those who may do the thing itself; both empty: all of them.
	Roles []string `json:"roles,omitempty"`
	Teams []string `json:"teams,omitempty"`
}

// Rules are a tenant's.
type Rules struct {
	Version   int64
	Of        map[Kind]Rule
	UpdatedBy string
	UpdatedAt time.Time
}

const (
	week = 7 * 24
	// mostHours is ten years.
	mostHours  = 10 * 366 * 24
	mostListed = 100
)

// Defaults ask for what was always asked for and for nothing else: an installation that one person runs would wait for itself.
// What waits by itself does not expire by default, since it would go on waiting, only unseen.
func Defaults() map[Kind]Rule {
	return map[Kind]Rule{
		Removal:    {Required: true, Persons: 1},
		PluginKind: {Required: true, Persons: 1},
		BulkEdit:   {Over: 100, ExpiresAfterHours: week, Persons: 1},
		Merge:      {ExpiresAfterHours: week, Persons: 1},
		Enrolment:  {ExpiresAfterHours: week, Persons: 1},
	}
}

// arises says that subjects of the kind wait by themselves, whatever the rules say.
func (k Kind) arises() bool { return k == Removal || k == PluginKind }

// Does is the action that a subject of the kind is: who decides must be allowed to do it.
func (k Kind) Does() access.Action {
	switch k {
	case Removal:
		return access.DecideRemovals
	case PluginKind:
		return access.ApproveKinds
	case Enrolment:
		return access.ManageAgents
	case BulkEdit, Merge:
	}
	return access.EditResources
}

// names says whether a rule lets a caller decide, who may do the thing itself.
func (r Rule) names(c access.Caller) error {
	if len(r.Roles)+len(r.Teams) == 0 || slices.Contains(r.Roles, string(c.Role)) ||
		slices.ContainsFunc(c.Teams, func(m access.Membership) bool { return slices.Contains(r.Teams, m.ID) }) {
		return nil
	}
	return &ForbiddenError{"The rules of this tenant have others decide this."}
}

func (r Rule) check(k Kind) error {
	bad := func(field, problem string) error {
		return &inventory.InvalidError{Pointer: "/" + string(k) + "/" + field, Problem: problem}
	}
	switch {
	case k.arises() && !r.Required:
		return bad("required", "is always so: what is held, and what a plugin brings, waits for somebody")
	case r.Persons != 1 && r.Persons != 2:
		return bad("persons", "is 1 or 2")
	case r.ExpiresAfterHours < 0 || r.ExpiresAfterHours > mostHours:
		return bad("expires_after_hours", "is between 0 (never) and 87840")
	case r.Over < 0 || r.Over > 1_000_000 || k != BulkEdit && r.Over != 0:
		return bad("over", "is of bulk_edit, between 0 and 1000000")
	case len(r.Roles) > mostListed || len(r.Teams) > mostListed:
		return bad("roles", fmt.Sprintf("and teams may have %d entries each", mostListed))
	}
	return nil
}

type rulesDoc struct {
	Of        map[Kind]Rule `json:"of"`
	UpdatedBy string        `json:"updated_by,omitempty"`
	UpdatedAt store.Time    `json:"updated_at,omitzero"`
}

// Rules are a tenant's; what it never said is as Defaults has it.
func (s *Service) Rules(ctx context.Context, tenant string) (Rules, error) {
	return rulesOf(ctx, s.opt.Store, tenant)
}

func rulesOf(ctx context.Context, r store.Reader, tenant string) (Rules, error) {
	out := Rules{Of: Defaults()}
	rows, err := r.Get(ctx, tRules, tenant, "", []string{tenant})
	if err != nil {
		return out, fmt.Errorf("read approval rules: %w", err)
	}
	row, ok := rows[tenant]
	if !ok {
		return out, nil
	}
	var d rulesDoc
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return out, fmt.Errorf("decode approval rules: %w", err)
	}
	for k, rule := range d.Of {
		if _, known := out.Of[k]; known {
			out.Of[k] = rule
		}
	}
	out.Version, out.UpdatedBy, out.UpdatedAt = row.Version, d.UpdatedBy, d.UpdatedAt.Time
	return out, nil
}

// SetRules replaces a tenant's rules; version is the one edited, 0 for the defaults. What waits already is decided by the rules of
// the moment in which somebody decides, so that a rule made stricter holds for it too.
func (s *Service) SetRules(ctx context.Context, c access.Caller, of map[Kind]Rule, version int64, reason string) (Rules, error) {
	next := Defaults()
	for k, r := range of {
		if _, known := next[k]; !known {
			return Rules{}, &inventory.InvalidError{Pointer: "/" + string(k), Problem: "is no kind of approval"}
		}
		slices.Sort(r.Roles)
		slices.Sort(r.Teams)
		r.Roles, r.Teams = slices.Compact(r.Roles), slices.Compact(r.Teams)
		if err := r.check(k); err != nil {
			return Rules{}, err
		}
		next[k] = r
	}
	before, err := s.Rules(ctx, c.Tenant)
	if err != nil {
		return Rules{}, err
	}
	if before.Version != version {
		return Rules{}, &inventory.StaleError{Current: before.Version}
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: "approval_rules.update", Reason: reason,
		Object: &audit.Ref{ID: c.Tenant, Kind: "approval_rules"}, Detail: map[string]any{"changed": changed(before.Of, next)}})
	if err != nil {
		return Rules{}, err
	}
	b, err := json.Marshal(rulesDoc{Of: next, UpdatedBy: c.Name, UpdatedAt: store.At(s.now())})
	if err == nil {
		op := store.Replace
		if version == 0 {
			op = store.Insert
		}
		err = s.write(ctx, store.Write{Table: tRules, Op: op, Row: store.Row{ID: c.Tenant, Tenant: c.Tenant, Version: version + 1, Doc: b}})
		if err == errRaced { //nolint:errorlint // our own, unwrapped
			err = &inventory.StaleError{Current: version + 1}
		}
	}
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return Rules{}, err
	}
	return s.Rules(ctx, c.Tenant)
}

// changed names the kinds whose rule is another one, with what it is now.
func changed(before, after map[Kind]Rule) map[string]any {
	out := map[string]any{}
	for k, r := range after {
		was, err := json.Marshal(before[k])
		is, err2 := json.Marshal(r)
		if cmp.Or(err, err2) == nil && string(was) != string(is) {
			out[string(k)] = r
		}
	}
	return out
}

// Deciders says in words who may decide under a rule.
func (r Rule) Deciders(teams map[string]string) string {
	var names []string
	for _, role := range r.Roles {
		names = append(names, "role "+role)
	}
	for _, id := range r.Teams {
		names = append(names, "team "+cmp.Or(teams[id], id))
	}
	return strings.Join(names, ", ")
}
