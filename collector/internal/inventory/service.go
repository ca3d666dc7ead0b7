package inventory

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Options of a Service. Zero values mean the defaults named.
type Options struct {
	Store store.Store
	Audit *audit.Log
	// Builtin kinds; schema.Builtin() in production.
	Builtin []*schema.Kind
	// AutoApprove approves plugin kinds as they are registered.
	AutoApprove bool
	Clock       func() time.Time
	Log         *slog.Logger
	// Removals of a scope are held when they are more than HoldItems (20) and more than HoldPercent (20) of it.
	HoldItems   int
	HoldPercent int
	// UnreadAfter (30 days) without a complete capture turns a scope's observations unwatched.
	UnreadAfter time.Duration
	// Retention prunes what has been gone for so long; 0 is never.
	Retention time.Duration
	// RunTimeout (6 hours) without news fails a run.
	RunTimeout time.Duration
}

// Service is the inventory. It keeps no state but caches and may run in any number of collectors.
type Service struct {
	opt Options
}

// Run is the receiving end of one run of one connection. It is used by one goroutine at a time; nothing of it
// is needed after a crash, since the agent replays the run from its beginning.
type Run struct{}

var errNotYet = errors.New("not built yet")

// New makes a Service.
func New(opt Options) *Service { return &Service{opt: opt} }

// Tables are the tables that the Service needs.
func Tables() []store.Table { return nil }

// OpenRun begins a run, or ends it at once when its root shows that nothing changed. The Run is nil unless the
// verdict is Send.
func (s *Service) OpenRun(ctx context.Context, start RunStart) (run *Run, v Verdict, reason string, err error) {
	return nil, "", "", errNotYet
}

// Plan sets what the run is going to read. It is called once, with all scopes.
func (r *Run) Plan(ctx context.Context, scopes []resource.Scope, complete bool, warnings []string) error {
	return errNotYet
}

// OpenCapture announces a scope.
func (r *Run) OpenCapture(ctx context.Context, c Capture) (v Verdict, reason string, err error) {
	return "", "", errNotYet
}

// Apply takes a batch of a capture that OpenCapture answered Send or List.
func (r *Run) Apply(ctx context.Context, b Batch) (BatchResult, error) {
	return BatchResult{}, errNotYet
}

// Close ends the run: absences are decided now.
func (r *Run) Close(ctx context.Context, end RunEnd) (v Verdict, reason string, err error) {
	return "", "", errNotYet
}

// RequestRun queues a run and answers its id.
func (s *Service) RequestRun(ctx context.Context, req RunRequest) (string, error) {
	return "", errNotYet
}

// Progress notes news of a run that goes on.
func (s *Service) Progress(ctx context.Context, p RunProgress) error { return errNotYet }

// FailRun ends a run that will not be heard of again; one that is over stays as it is.
func (s *Service) FailRun(ctx context.Context, tenant, runID, reason string) error { return errNotYet }

// CancelRun ends a run that someone canceled; one that is over stays as it is.
func (s *Service) CancelRun(ctx context.Context, tenant, runID, reason string) error {
	return errNotYet
}

// UnwatchConnection turns everything that the connection observed unwatched: it was deleted, or its agent was.
func (s *Service) UnwatchConnection(ctx context.Context, tenant, connectionID, actor, reason string) error {
	return errNotYet
}

// UnwatchKind does it for one kind of a connection: it was disabled.
func (s *Service) UnwatchKind(ctx context.Context, tenant, connectionID, kind, actor, reason string) error {
	return errNotYet
}

// Remap applies a connection's datacenter, rules and name to what it has observed, after an edit.
func (s *Service) Remap(ctx context.Context, tenant string, c Connection, actor string) error {
	return errNotYet
}

// Sweep does what time asks for: rolls forward what a crash left behind, turns what is not read any more
// unwatched, prunes, and fails runs without news. One collector at a time runs it, under a lease.
func (s *Service) Sweep(ctx context.Context, now time.Time) error { return errNotYet }

// Get is one resource as it is now, with provenance and last seen. One that was merged into another is answered
// with state merged and RedirectTo.
func (s *Service) Get(ctx context.Context, c Caller, kind, id string) (*Resource, error) {
	return nil, errNotYet
}

// AsOf is one resource as it was.
func (s *Service) AsOf(ctx context.Context, c Caller, kind, id string, at time.Time) (*Resource, error) {
	return nil, errNotYet
}

// List is a page of a kind's resources.
func (s *Service) List(ctx context.Context, c Caller, q ListQuery) (*ResourceList, error) {
	return nil, errNotYet
}

// Heads is a page of resources across kinds; q.Kind is ignored, the fields are those of HeadFields.
func (s *Service) Heads(ctx context.Context, c Caller, q ListQuery) (*HeadList, error) {
	return nil, errNotYet
}

// Create makes a resource by hand.
func (s *Service) Create(ctx context.Context, c Caller, req CreateRequest) (*Resource, error) {
	return nil, errNotYet
}

// Patch curates fields. *StaleError when the version is not the current one, *InvalidError for a bad value.
func (s *Service) Patch(ctx context.Context, c Caller, req PatchRequest) (*Resource, error) {
	return nil, errNotYet
}

// History is a page of one resource's changes, newest first.
func (s *Service) History(ctx context.Context, c Caller, kind, id, after string, limit int) (*ChangeList, error) {
	return nil, errNotYet
}

// Changes is a page of changes, newest first.
func (s *Service) Changes(ctx context.Context, c Caller, q ChangeQuery) (*ChangeList, error) {
	return nil, errNotYet
}

// RelatedTo is the edges of a resource in both directions, as far as the caller may see the other end.
func (s *Service) RelatedTo(ctx context.Context, c Caller, kind, id string) ([]Related, error) {
	return nil, errNotYet
}

// Observations is what the connections saw of a resource.
func (s *Service) Observations(ctx context.Context, c Caller, kind, id string) ([]ObservationView, error) {
	return nil, errNotYet
}

// Coverage says how far lists of a kind can be trusted; of all kinds when kind is empty.
func (s *Service) Coverage(ctx context.Context, c Caller, kind string) (*Coverage, error) {
	return nil, errNotYet
}

// Summary is the tenant's counts, as far as the caller may see.
func (s *Service) Summary(ctx context.Context, c Caller) (*Summary, error) { return nil, errNotYet }

// CountBy counts the caller's active resources by kind for each of the given datacenters.
func (s *Service) CountBy(ctx context.Context, c Caller, datacenters []string) (map[string]map[string]int, error) {
	return nil, errNotYet
}

// Runs is a page of runs, newest first.
func (s *Service) Runs(ctx context.Context, c Caller, q RunQuery) (*RunList, error) {
	return nil, errNotYet
}

// Run is one run.
func (s *Service) Run(ctx context.Context, c Caller, id string) (*RunInfo, error) {
	return nil, errNotYet
}

// LastRuns is the newest run of each of the connections that has one.
func (s *Service) LastRuns(ctx context.Context, tenant string, connections []string) (map[string]RunInfo, error) {
	return nil, errNotYet
}

// RunScopes is a page of a run's plan with outcomes.
func (s *Service) RunScopes(ctx context.Context, c Caller, id, after string, limit int) (*RunScopeList, error) {
	return nil, errNotYet
}

// HeldRemovals is a page of removals that wait, or waited, for a person.
func (s *Service) HeldRemovals(ctx context.Context, c Caller, q HeldQuery) (*HeldList, error) {
	return nil, errNotYet
}

// HeldRemoval is one of them with the resources concerned.
func (s *Service) HeldRemoval(ctx context.Context, c Caller, id string) (*HeldRemoval, error) {
	return nil, errNotYet
}

// Approve lets a held removal happen: what it concerns is gone.
func (s *Service) Approve(ctx context.Context, c Caller, id, reason string) (*HeldRemoval, error) {
	return nil, errNotYet
}

// Refuse keeps what a held removal concerns, until it is seen again.
func (s *Service) Refuse(ctx context.Context, c Caller, id, reason string) (*HeldRemoval, error) {
	return nil, errNotYet
}

// RegisterKinds takes the kinds that a plugin declares. A new one is pending until ApproveKind, unless the Service
// approves automatically. It answers warnings, for example of a kind that contradicts what is known.
func (s *Service) RegisterKinds(ctx context.Context, tenant string, d provider.Description) (warnings []string, err error) {
	return nil, errNotYet
}

// ApproveKind lets a pending kind in; its rows are asked for with the next capture.
func (s *Service) ApproveKind(ctx context.Context, c Caller, name, reason string) (*KindInfo, error) {
	return nil, errNotYet
}

// Kind is one kind; ErrNotFound if it is not registered.
func (s *Service) Kind(ctx context.Context, tenant, name string) (*KindInfo, error) {
	return nil, errNotYet
}

// Kinds are all kinds of the tenant, by name.
func (s *Service) Kinds(ctx context.Context, tenant string) ([]KindInfo, error) {
	return nil, errNotYet
}

// FieldSet resolves the names of the filter language. It fills filter.Resolver.
type FieldSet struct{}

// FieldsOf are the names for lists of a kind.
func FieldsOf(k *schema.Kind) *FieldSet { return nil }

// HeadFields are the names for lists across kinds.
func HeadFields() *FieldSet { return nil }

// Field resolves one name.
func (f *FieldSet) Field(name string) (filter.Field, bool) { return filter.Field{}, false }

// Names are all of them, sorted.
func (f *FieldSet) Names() []string { return nil }

// Enum is the values that a field may have; nil if it is free.
func (f *FieldSet) Enum(name string) []string { return nil }
