package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// ErrNotFound says that there is no such approval, or none that the caller may see.
var ErrNotFound = store.ErrNotFound

// errRaced says that somebody else wrote in between.
var errRaced = errors.New("changed meanwhile")

// UnableError says that what was approved cannot be carried out as it was asked.
type UnableError struct{ Problem string }

func (e *UnableError) Error() string { return e.Problem }

const (
	tApprovals = "approvals"
	tRules     = "approval_rules"
	// mostRefs are kept of what an approval concerns.
	mostRefs = 50
	// mostCounted is up to where approvals are counted.
	mostCounted = 1000
	// mostTries of a decision that somebody else's comes in between of.
	mostTries = 8
)

// Subject is what approvals of one kind are about.
type Subject interface {
	// Carry does what follows from how an approval ended, and says whether that is done: what goes on by itself is asked again.
	// Told again it does nothing more. *UnableError: it cannot be done as it was asked, and nothing of it was.
	Carry(ctx context.Context, a *Approval) (done bool, err error)
}

// Arising is a Subject that waits by itself.
type Arising interface {
	Subject
	// Waiting hands out what waits in a tenant.
	Waiting(ctx context.Context, tenant string, fn func(Ask) error) error
}

// Ask is a question before anybody has seen it.
type Ask struct {
	Kind  Kind
	Key   string
	Title string
	Refs  []Ref
	Count int
	Roots []string
	At    time.Time
	// By is who asked for what waits by itself; empty: nobody did.
	By      string
	Reason  string
	Payload string
	// Operation that waits for it, if there is one.
	Operation string
}

// Auditor records what was done.
type Auditor interface {
	Begin(ctx context.Context, e audit.Entry) (id string, err error)
	Finish(ctx context.Context, tenant, id string, cause error) error
}

// Options of a Service.
type Options struct {
	Store    store.Store
	Audit    Auditor
	Subjects map[Kind]Subject
	// Tenants are all there are, for the sweeper.
	Tenants func(ctx context.Context) ([]string, error)
	Clock   func() time.Time
	Log     *slog.Logger
}

// Service keeps approvals.
type Service struct{ opt Options }

// New makes a Service.
func New(opt Options) *Service {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{opt: opt}
}

func (s *Service) now() time.Time { return store.At(s.opt.Clock()).Time }

var (
	fieldKind      = filter.Field{Path: []string{"kind"}, Type: filter.String}
	fieldKey       = filter.Field{Path: []string{"key"}, Type: filter.String}
	fieldState     = filter.Field{Path: []string{"state"}, Type: filter.String}
	fieldRequested = filter.Field{Path: []string{"requested_at"}, Type: filter.Time}
	fieldChanged   = filter.Field{Path: []string{"changed_at"}, Type: filter.Time}
	fieldRequester = filter.Field{Path: []string{"requested_by"}, Type: filter.String}
	fieldExpires   = filter.Field{Path: []string{"expires_at"}, Type: filter.Time}
	fieldSettled   = filter.Field{Path: []string{"settled"}, Type: filter.Bool}
	fieldRoots     = filter.Field{Path: []string{"roots"}, Type: filter.String, Multi: true}
)

// Tables are the tables that the Service needs.
func Tables() []store.Table {
	return []store.Table{
		{Name: tApprovals, Indexes: []store.Index{
			{Name: "requested", Fields: []filter.Field{fieldRequested}},
			{Name: "state", Fields: []filter.Field{fieldState, fieldRequested}},
			{Name: "key", Fields: []filter.Field{fieldKey}},
			{Name: "expires", Fields: []filter.Field{fieldExpires}},
			{Name: "changed", Fields: []filter.Field{fieldChanged}},
			{Name: "settled", Fields: []filter.Field{fieldSettled}},
		}},
		{Name: tRules},
	}
}

type doc struct {
	Kind        Kind          `json:"kind"`
	Key         string        `json:"key"`
	Round       int           `json:"round"`
	Title       string        `json:"title"`
	Refs        []Ref         `json:"refs,omitempty"`
	Count       int           `json:"count"`
	Roots       []string      `json:"roots,omitempty"`
	RequestedBy string        `json:"requested_by"`
	RequestedAt store.Time    `json:"requested_at"`
	NoticedAt   store.Time    `json:"noticed_at,omitzero"`
	ChangedAt   store.Time    `json:"changed_at"`
	Reason      string        `json:"reason,omitempty"`
	ExpiresAt   store.Time    `json:"expires_at,omitzero"`
	State       State         `json:"state"`
	Decisions   []decisionDoc `json:"decisions,omitempty"`
	Needed      int           `json:"needed"`
	Settled     bool          `json:"settled"` // always there, to be found by
	EndedAt     store.Time    `json:"ended_at,omitzero"`
	Problem     string        `json:"problem,omitempty"`
	Operation   string        `json:"operation,omitempty"`
	Payload     string        `json:"payload,omitempty"`
}

type decisionDoc struct {
	By      string     `json:"by"`
	At      store.Time `json:"at"`
	Approve bool       `json:"approve"`
	Reason  string     `json:"reason,omitempty"`
}

func encode(a *Approval, changed time.Time) (store.Row, error) {
	d := doc{Kind: a.Kind, Key: a.Key, Round: a.Round, Title: a.Title, Refs: a.Refs, Count: a.Count, Roots: a.Roots, RequestedBy: a.RequestedBy,
		RequestedAt: store.At(a.RequestedAt), ChangedAt: store.At(changed), Reason: a.Reason, State: a.State, Needed: a.Needed, Settled: a.Settled,
		Problem: a.Problem, Operation: a.Operation, Payload: a.Payload}
	switch {
	case !a.NoticedAt.IsZero():
		d.NoticedAt = store.At(a.NoticedAt)
	case a.Version == 1:
		d.NoticedAt = store.At(changed)
	}
	if !a.ExpiresAt.IsZero() {
		d.ExpiresAt = store.At(a.ExpiresAt)
	}
	if !a.EndedAt.IsZero() {
		d.EndedAt = store.At(a.EndedAt)
	}
	for _, x := range a.Decisions {
		d.Decisions = append(d.Decisions, decisionDoc{x.By, store.At(x.At), x.Approve, x.Reason})
	}
	b, err := json.Marshal(d)
	if err != nil {
		return store.Row{}, fmt.Errorf("encode approval: %w", err)
	}
	return store.Row{ID: a.ID, Tenant: a.Tenant, Version: a.Version, Doc: b}, nil
}

func decode(row store.Row) (*Approval, error) {
	var d doc
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return nil, fmt.Errorf("decode approval %s: %w", row.ID, err)
	}
	a := &Approval{ID: row.ID, Tenant: row.Tenant, Version: row.Version, Kind: d.Kind, Key: d.Key, Round: d.Round, Title: d.Title, Refs: d.Refs, Count: d.Count,
		Roots: d.Roots, RequestedBy: d.RequestedBy, RequestedAt: d.RequestedAt.Time, Reason: d.Reason, ExpiresAt: d.ExpiresAt.Time, State: d.State,
		Needed: d.Needed, Settled: d.Settled, EndedAt: d.EndedAt.Time, Problem: d.Problem, Operation: d.Operation, Payload: d.Payload, NoticedAt: d.NoticedAt.Time}
	for _, x := range d.Decisions {
		a.Decisions = append(a.Decisions, Decision{x.By, x.At.Time, x.Approve, x.Reason})
	}
	return a, nil
}

func (s *Service) write(ctx context.Context, w store.Write) error {
	err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, w)
		if err == nil && len(conflicts) > 0 {
			return errRaced
		}
		return err
	})
	if errors.Is(err, errRaced) {
		return errRaced
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", w.Table, err)
	}
	return nil
}

func (s *Service) replace(ctx context.Context, a *Approval) error {
	a.Version++
	row, err := encode(a, s.now())
	if err != nil {
		return err
	}
	return s.write(ctx, store.Write{Table: tApprovals, Op: store.Replace, Row: row})
}

// finish ends an audit entry with the outcome of what it was begun for, and answers that outcome.
func (s *Service) finish(ctx context.Context, tenant, entry string, cause error) error {
	return errors.Join(cause, s.opt.Audit.Finish(context.WithoutCancel(ctx), tenant, entry, cause))
}

func (s *Service) load(ctx context.Context, r store.Reader, tenant, id string) (*Approval, error) {
	rows, err := r.Get(ctx, tApprovals, tenant, "", []string{id})
	if err != nil {
		return nil, fmt.Errorf("read approval: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return nil, fmt.Errorf("approval %s: %w", id, ErrNotFound)
	}
	return decode(row)
}

// visible is the condition on approvals that a caller sees: all for who reads the whole tenant, else those that concern what he may
// read, and his own.
func visible(c access.Caller) filter.Expr {
	if c.TenantWide() {
		return filter.Const(true)
	}
	in := filter.In{Field: fieldRoots}
	for _, r := range slices.Concat(c.Roots(), c.Connections) {
		in.Values = append(in.Values, r)
	}
	own := filter.Compare{Field: fieldRequester, Op: filter.Eq, Value: c.Name}
	if len(in.Values) == 0 {
		return own
	}
	return filter.Or{in, own}
}

func sees(c access.Caller, a *Approval) bool {
	return a.Tenant == c.Tenant && (c.TenantWide() || a.RequestedBy == c.Name ||
		slices.ContainsFunc(slices.Concat(c.Roots(), c.Connections), func(r string) bool { return slices.Contains(a.Roots, r) }))
}

// may is nil when a caller who sees an approval may decide it now: he may do the thing itself, the rule names him, and he is
// not one who must leave it to another.
func (s *Service) may(c access.Caller, a *Approval, r Rule) error {
	if err := a.open(s.now()); err != nil {
		return err
	}
	if access.Decide(c, a.Kind.Does(), access.Object{Tenant: a.Tenant, Roots: a.Roots}) != access.Allowed {
		return &ForbiddenError{"You may not do this yourself (" + lower(a.Kind.Does().Words()) + "), so you cannot decide it."}
	}
	if err := r.names(c); err != nil {
		return err
	}
	return a.mayBy(c.Name, r)
}

func lower(words string) string {
	if words == "" {
		return words
	}
	return string(words[0]|0x20) + words[1:]
}

// Query asks for approvals, newest first.
type Query struct {
	State, Kind, RequestedBy string
	After                    string
	Limit                    int
}

// View is an approval as a caller sees it: why he may not decide it is nil when he may.
type View struct {
	Approval
	WhyNot error
	Rule   Rule
}

// List is one page of approvals.
type List struct {
	Items []View
	Next  string
	Total int
	More  bool
}

func (q Query) where(c access.Caller) filter.Expr {
	where := filter.And{visible(c)}
	for _, x := range []struct {
		f filter.Field
		v string
	}{{fieldState, q.State}, {fieldKind, q.Kind}, {fieldRequester, q.RequestedBy}} {
		if x.v != "" {
			where = append(where, filter.Compare{Field: x.f, Op: filter.Eq, Value: x.v})
		}
	}
	return where
}

// List is a page of what a caller sees.
func (s *Service) List(ctx context.Context, c access.Caller, q Query) (*List, error) {
	if q.After == "" {
		if err := s.notice(ctx, c.Tenant); err != nil {
			return nil, err
		}
	}
	sq := store.Query{Table: tApprovals, Tenant: c.Tenant, Where: q.where(c), Order: []store.Order{{Field: fieldRequested, Desc: true}}, After: q.After, Limit: q.Limit}
	page, err := s.opt.Store.Find(ctx, sq)
	if err != nil {
		return nil, fmt.Errorf("list approvals: %w", err)
	}
	rules, err := s.Rules(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	out := &List{Next: page.Next}
	for _, row := range page.Rows {
		a, err := decode(row)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, s.view(c, a, rules))
	}
	if out.Total, err = s.opt.Store.Count(ctx, sq, mostCounted); err != nil {
		return nil, fmt.Errorf("count approvals: %w", err)
	}
	out.More = out.Total == mostCounted
	return out, nil
}

func (s *Service) view(c access.Caller, a *Approval, rules Rules) View {
	v := View{Approval: *a, Rule: rules.Of[a.Kind]}
	if a.State == Pending {
		v.Needed = v.Rule.Persons
		if a.due(s.now()) { // the sweeper has not come by
			v.State, v.EndedAt = Expired, a.ExpiresAt
		}
	}
	v.WhyNot = s.may(c, a, v.Rule)
	return v
}

// Waits counts the pending approvals that a caller sees.
func (s *Service) Waits(ctx context.Context, c access.Caller) (int, error) {
	if err := s.notice(ctx, c.Tenant); err != nil {
		return 0, err
	}
	n, err := s.opt.Store.Count(ctx, store.Query{Table: tApprovals, Tenant: c.Tenant, Where: Query{State: string(Pending)}.where(c)}, mostCounted)
	if err != nil {
		return 0, fmt.Errorf("count approvals: %w", err)
	}
	return n, nil
}

// Get is one approval that a caller sees.
func (s *Service) Get(ctx context.Context, c access.Caller, id string) (*View, error) {
	a, err := s.load(ctx, s.opt.Store, c.Tenant, id)
	if err != nil {
		return nil, err
	}
	if !sees(c, a) {
		return nil, fmt.Errorf("approval %s: %w", id, ErrNotFound)
	}
	rules, err := s.Rules(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	v := s.view(c, a, rules)
	return &v, nil
}

// Ask asks. Nothing is done until somebody has decided.
func (s *Service) Ask(ctx context.Context, c access.Caller, ask Ask) (*View, error) {
	rules, err := s.Rules(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make approval id: %w", err)
	}
	ask.At = s.now()
	a := asked(c.Tenant, id.String(), c.Name, ask, 1, rules.Of[ask.Kind])
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: "approval.ask", Reason: ask.Reason,
		Object: &audit.Ref{ID: a.ID, Name: a.Title, Kind: "approval"}, Detail: a.detail()})
	if err != nil {
		return nil, err
	}
	if err = s.finish(ctx, c.Tenant, entry, s.insert(ctx, a)); err != nil {
		return nil, fmt.Errorf("ask for approval: %w", err)
	}
	v := s.view(c, a, rules)
	return &v, nil
}

func (a *Approval) detail() map[string]any {
	return map[string]any{"kind": string(a.Kind), "subject": a.Key, "count": a.Count}
}

func asked(tenant, id, by string, ask Ask, round int, r Rule) *Approval {
	a := &Approval{ID: id, Tenant: tenant, Version: 1, Kind: ask.Kind, Key: ask.Key, Round: round, Title: ask.Title, Refs: ask.Refs, Count: ask.Count, Roots: ask.Roots,
		RequestedBy: by, RequestedAt: ask.At, Reason: ask.Reason, State: Pending, Needed: r.Persons, Payload: ask.Payload, Operation: ask.Operation}
	if len(a.Refs) > mostRefs {
		a.Refs = a.Refs[:mostRefs]
	}
	if r.ExpiresAfterHours > 0 {
		a.ExpiresAt = ask.At.Add(time.Duration(r.ExpiresAfterHours) * time.Hour)
	}
	return a
}

func (s *Service) insert(ctx context.Context, a *Approval) error {
	row, err := encode(a, s.now())
	if err != nil {
		return err
	}
	return s.write(ctx, store.Write{Table: tApprovals, Op: store.Insert, Row: row})
}

// arisenID is the same wherever it is noticed, so that two collectors notice it once.
func arisenID(tenant string, k Kind, key string, round int) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(store.Key("maestro approval", tenant, string(k), key, strconv.Itoa(round)))).String()
}

// Decide gives one person's word, and carries out what follows if it was the last one needed.
func (s *Service) Decide(ctx context.Context, c access.Caller, id string, approve bool, reason string) (*View, error) {
	v, err := s.Get(ctx, c, id)
	if err != nil {
		return nil, err
	}
	verb := "approval.refuse"
	if approve {
		verb = "approval.approve"
	}
	change := func(a *Approval, r Rule) error {
		if err := s.may(c, a, r); err != nil {
			return err
		}
		return a.decide(Decision{By: c.Name, At: s.now(), Approve: approve, Reason: reason}, r)
	}
	return s.change(ctx, c, v, verb, reason, change)
}

// Withdraw takes back what the caller asked for.
func (s *Service) Withdraw(ctx context.Context, c access.Caller, id, reason string) (*View, error) {
	v, err := s.Get(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, c, v, "approval.withdraw", reason, func(a *Approval, _ Rule) error { return a.withdraw(c.Name, s.now()) })
}

// change writes a change of an approval, and then carries out what follows from it. That the latter does not work at once takes
// nothing back: the sweeper goes on with it.
func (s *Service) change(ctx context.Context, c access.Caller, v *View, verb, reason string, fn func(*Approval, Rule) error) (*View, error) {
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: verb, Reason: reason,
		Object: &audit.Ref{ID: v.ID, Name: v.Title, Kind: "approval"}, Detail: v.detail()})
	if err != nil {
		return nil, err
	}
	a, err := s.changed(ctx, c.Tenant, v.ID, fn)
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, err
	}
	if a.State != Pending {
		if err := s.settle(ctx, a); err != nil {
			return nil, fmt.Errorf("carry out %s, which goes on by itself: %w", v.ID, err)
		}
	}
	return s.Get(ctx, c, v.ID)
}

// changed changes an approval as it is at that moment, however many others change it.
func (s *Service) changed(ctx context.Context, tenant, id string, fn func(*Approval, Rule) error) (*Approval, error) {
	for range mostTries {
		a, err := s.load(ctx, s.opt.Store, tenant, id)
		if err != nil {
			return nil, err
		}
		rules, err := s.Rules(ctx, tenant)
		if err != nil {
			return nil, err
		}
		if err := fn(a, rules.Of[a.Kind]); err != nil {
			return nil, err
		}
		if err := s.replace(ctx, a); !errors.Is(err, errRaced) {
			return a, err
		}
	}
	return nil, fmt.Errorf("decide %s: %w", id, errRaced)
}

// settle carries out what follows from how an approval ended, if that is not done yet.
func (s *Service) settle(ctx context.Context, a *Approval) error {
	subject := s.opt.Subjects[a.Kind]
	if a.Settled || a.State == Pending || subject == nil {
		return nil
	}
	done, err := subject.Carry(ctx, a)
	var unable *UnableError
	if err != nil && !errors.As(err, &unable) {
		return fmt.Errorf("carry out approval %s: %w", a.ID, err)
	}
	if !done && unable == nil {
		return nil
	}
	_, err = s.changed(ctx, a.Tenant, a.ID, func(is *Approval, _ Rule) error {
		if is.Settled {
			return errSettled
		}
		is.settle(s.now(), unable)
		return nil
	})
	if errors.Is(err, errSettled) {
		return nil
	}
	return err
}

// errSettled says that another collector was quicker.
var errSettled = errors.New("settled already")
