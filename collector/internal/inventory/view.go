package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

var (
	// ErrNotFound says that there is no such thing, or that the caller may not know of it.
	ErrNotFound = store.ErrNotFound
	// ErrHorizon says that the past asked for is no longer kept.
	ErrHorizon = errors.New("before the retention horizon")
	// ErrNotHeld says that a held removal has been decided already.
	ErrNotHeld = errors.New("removal is not held any more")
	// ErrReviewed says that a review item has been decided already.
	ErrReviewed = errors.New("review item was decided already")
)

// StaleError says that a write was based on another version than the current one.
type StaleError struct{ Current int64 }

func (e *StaleError) Error() string { return fmt.Sprintf("stale version, current is %d", e.Current) }

// InvalidError says what is wrong with a value that someone gave.
type InvalidError struct {
	// Pointer into the resource; may be empty.
	Pointer string
	Problem string
}

func (e *InvalidError) Error() string {
	if e.Pointer == "" {
		return e.Problem
	}
	return e.Pointer + ": " + e.Problem
}

// ConflictError says that an identifier belongs to another resource already.
type ConflictError struct {
	ResourceID string
	Problem    string
}

func (e *ConflictError) Error() string { return e.Problem }

// Caller is on whose behalf something is read or written. Every read is limited to what it may see.
type Caller struct {
	Tenant string
	// Name is the actor of the audit trail: "user:anna", "token:ci".
	Name string
	// Address that the request came from; for the audit trail.
	Address string
	// Sensitive may read fields that kinds mark as sensitive.
	Sensitive bool
	// TenantWide may read everything of the tenant; otherwise only what has one of Roots.
	TenantWide bool
	Roots      []string
	// Writes says whether the caller may change what has these access roots; nil allows whatever may be read, for the
	// collector's own work. Who may write everything is asked too.
	Writes func(roots []string) bool
	// Costs says the same of what these cost and who bears it; nil is as Writes.
	Costs func(roots []string) bool
	// Connections that may be named to the caller; only asked when not TenantWide.
	Connections []string
}

// State of a resource.
type State string

// The states.
const (
	Active    State = "active"
	Gone      State = "gone"
	Unwatched State = "unwatched"
	Merged    State = "merged"
)

// Resource is what people see, of any kind.
type Resource struct {
	ID          string
	Tenant      string
	Kind        string
	Major       int
	Version     int64
	State       State
	StateSince  time.Time
	StateReason string
	RedirectTo  string
	Name        string
	Region      string
	Zone        string
	// Datacenter is an id; may be empty.
	Datacenter string
	Tags       []resource.Tag
	// Labels are those of the tags that the tenant has a spelling for, in it.
	Labels      []resource.Tag
	Identifiers []resource.Identifier
	ConsoleURL  string
	// Attributes and Common are JSON objects, never nil. Volatile may be nil.
	Attributes json.RawMessage
	Common     json.RawMessage
	Volatile   json.RawMessage
	Stale      []string
	Withheld   []string
	Conflicts  []string
	Warnings   []string
	// Connections are the ids of the connections that see it.
	Connections []string
	AccessRoots []string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	// LastSeen is zero for hand-made resources and in the past.
	LastSeen   time.Time
	Provenance []Provenance
	// Absorbed are the resources that were merged into it and may be split off again; Apart those that a person said are others.
	Absorbed []Absorbed
	Apart    []string
	// Origin says where it is known from: recorded, discovered, both.
	Origin string
}

// Absorbed is a resource that was merged into another, with the name that it had.
type Absorbed struct{ ID, Name string }

// Provenance says where one field's value came from.
type Provenance struct {
	Pointer string
	// Curated, or else discovered by Connection; Connection is "" when the caller may not know it.
	Curated    bool
	Connection string
	Actor      string
	At         time.Time
	Stale      bool
	// Discovered is what discovery says at a curated field; nil if nothing.
	Discovered json.RawMessage
}

// ObservationView is what one connection saw of a resource.
type ObservationView struct {
	// Connection is "" when the caller may not know it.
	Connection  string
	Kind        string
	ExternalID  string
	Partition   resource.Partition
	State       string // active, gone, unwatched, held
	StateSince  time.Time
	StateReason string
	// Match says why it belongs to the resource.
	Match string
	// Matched is the identifier that joined it; nil where it was seen first, or a person decided.
	Matched    *Match
	Warnings   []string
	Hash       string
	ObservedAt time.Time
	LastSeen   time.Time
	RunID      string
	// Envelope is the canonical bytes as they came.
	Envelope json.RawMessage
	Volatile json.RawMessage
}

// Match is the identifier by which an observation was joined to its resource.
type Match struct {
	Identifier resource.Identifier
	Rank       int
	// Conflicts is what the joined observations said differently of themselves then: types of identifiers, "addresses".
	Conflicts []string
}

// Related is one edge, seen from the resource asked about.
type Related struct {
	Verb      string
	Direction string // out or in
	// The other end; ID is "" while it is not known.
	ID    string
	Kind  string
	Name  string
	State State
	// Wanted says what is looked for while the other end is not known.
	Wanted  string
	Warning string
	// Source is who states it: discovered, curated, rule:<name>.
	Source string
}

// ListQuery asks for resources of one kind.
type ListQuery struct {
	Kind  string
	Where filter.Expr // nil is all
	// StateNamed says that the filter names the state; otherwise those that are gone are hidden.
	StateNamed bool
	Order      []store.Order
	After      string
	Limit      int
	// AsOf is the moment of which to answer; zero is now.
	AsOf time.Time
	// CountExact counts beyond 10,000.
	CountExact bool
}

// ResourceList is one page of resources.
type ResourceList struct {
	Items []Resource
	Next  string
	// Total is a lower bound when More is set.
	Total int
	More  bool
	// Looked is not zero where the page ends, maybe without any items, because so many resources of a past moment were gone through; Next goes on.
	Looked int
}

// Head is a resource in a list across kinds.
type Head struct {
	ID, Kind, Name string
	State          State
	Datacenter     string
	Version        int64
	UpdatedAt      time.Time
}

// HeadList is one page of heads.
type HeadList struct {
	Items []Head
	Next  string
	Total int
	More  bool
	// Looked is as of a ResourceList.
	Looked int
}

// CreateRequest makes a resource by hand.
type CreateRequest struct {
	Kind        string
	Name        string
	Datacenter  string
	Region      string
	Zone        string
	Tags        []resource.Tag
	Identifiers []resource.Identifier
	Attributes  json.RawMessage
	Common      json.RawMessage
	Relations   []PersonRelation
	// RequestID makes the creation idempotent.
	RequestID string
	Reason    string
}

// PatchRequest curates fields of a resource.
type PatchRequest struct {
	Kind string
	ID   string
	// Version that the edit is based on.
	Version int64
	// Set maps JSON pointers (/name, /tags/env, /attributes/memory_bytes, /common/owner) to values.
	Set map[string]json.RawMessage
	// Reset lists pointers to hand back to discovery.
	Reset []string
	// Identifiers are added, by which discovery finds the resource; RemoveIdentifiers were given by a person before.
	Identifiers, RemoveIdentifiers []resource.Identifier
	Reason                         string
}

// FieldChange is one field's difference; nil is absent.
type FieldChange struct {
	Pointer string          `json:"pointer"`
	Old     json.RawMessage `json:"old,omitempty"`
	New     json.RawMessage `json:"new,omitempty"`
}

// Change is one difference of the inventory.
type Change struct {
	// ID is the resource's id, "/" and the version.
	ID         string
	ResourceID string
	Kind       string
	Name       string
	Version    int64
	Action     string // created, updated, gone, returned, unwatched, merged, split
	At         time.Time
	ObservedAt time.Time
	Actor      string // run:<id>, user:<name>, rule:<name>
	RunID      string
	// Connection is "" when the caller may not know it.
	Connection string
	AuditID    string
	Reason     string
	Diff       []FieldChange
	PrevHash   string
	Hash       string
}

// ChangeQuery asks for changes, newest first.
type ChangeQuery struct {
	Kind       string
	ResourceID string
	RunID      string
	Connection string
	Action     string
	Since      time.Time
	Until      time.Time
	After      string
	Limit      int
}

// ChangeList is one page of changes.
type ChangeList struct {
	Items []Change
	Next  string
	Total int
	More  bool
}

// RunInfo is one execution of a connection.
type RunInfo struct {
	ID            string
	Connection    string
	ConnectionRef string // its name when the run began
	Agent         string
	Provider      string
	State         string // queued, running, succeeded, partial, failed, canceled
	Trigger       string
	Kinds         []string
	QueuedAt      time.Time
	StartedAt     time.Time
	FinishedAt    time.Time
	UpdatedAt     time.Time
	ScopesTotal   int
	ScopesDone    int
	Listed        int64
	Phase         string
	Created       int
	Updated       int
	Gone          int
	Returned      int
	Unwatched     int
	Held          int
	Rejected      int
	Unchanged     bool
	PlanComplete  bool
	Statuses      map[string]int
	Error         string
	Warnings      []string
	Log           []string
	PluginVersion string
	Epoch         int64
	Generation    int64
}

// RunQuery asks for runs, newest first.
type RunQuery struct {
	Connection string
	State      string
	Agent      string
	// FinishedFrom and FinishedUntil ask for runs that ended between the two, the last to end first.
	FinishedFrom, FinishedUntil time.Time
	After                       string
	Limit                       int
}

// RunList is one page of runs.
type RunList struct {
	Items []RunInfo
	Next  string
	Total int
	More  bool
}

// RunScope is one scope of a run with its outcome.
type RunScope struct {
	Scope   resource.Scope
	Outcome resource.Outcome
	Changed bool
	// Verdict: applied, unchanged, superseded, failed; "" while it is not over.
	Verdict  string
	Reason   string
	Rejected []Rejection
}

// RunScopeList is one page of a run's scopes.
type RunScopeList struct {
	Items []RunScope
	Next  string
	Total int
}

// HeldRemoval is a removal that waits for a person.
type HeldRemoval struct {
	ID         string
	Connection string
	Kind       string
	Partition  resource.Partition
	RunID      string
	HeldAt     time.Time
	State      string // held, approved, refused, released
	Count      int
	ScopeSize  int
	DecidedBy  string
	DecidedAt  time.Time
	Reason     string
	// Items are the first 1,000 resources concerned; only for a single one.
	Items []Head
}

// HeldQuery asks for held removals, newest first.
type HeldQuery struct {
	State string
	// NotState leaves out those of a state.
	NotState   string
	Connection string
	After      string
	Limit      int
}

// HeldList is one page of held removals.
type HeldList struct {
	Items []HeldRemoval
	Next  string
	Total int
}

// Coverage says how far a list of a kind can be trusted.
type Coverage struct {
	// AsOf is the oldest moment at which every scope concerned was last complete; zero when one never was.
	AsOf       time.Time
	Scopes     int
	Complete   int
	Unwatched  int
	Held       int
	Exceptions []CoverageException
}

// CoverageException is a scope whose latest outcome is not complete.
type CoverageException struct {
	Connection   string
	Scope        resource.Scope
	Status       resource.Status
	Error        string
	Advice       string
	RunID        string
	LastComplete time.Time
}

// KindCount counts a kind's resources by state.
type KindCount struct {
	Kind                    string
	Active, Gone, Unwatched int
}

// Summary is the counts of a tenant.
type Summary struct {
	Kinds        []KindCount
	Held         int
	PendingKinds int
}

// KindInfo is a kind with its standing at this collector.
type KindInfo struct {
	*schema.Kind
	// Approval is approved or pending.
	Approval string
	BuiltIn  bool
	// Provider that declared it; "" for built-in ones.
	Provider string
	// Extensions are the fields that plugins added to a built-in kind, Custom those that an administrator gave it.
	Extensions []Extension
	Custom     []CustomField
}

// Waits says that the kind, or fields that a plugin wants to add to it, wait for an administrator.
func (k *KindInfo) Waits() bool {
	return k.Approval != Approved || slices.ContainsFunc(k.Extensions, func(x Extension) bool { return x.Approval != Approved })
}

// Extension is the fields that a provider's plugin adds to a built-in kind, at /attributes/<provider>.
type Extension struct {
	Provider string
	// Plugin is the version that declared them.
	Plugin string
	// Approval is approved or pending; what waits has no index, no column and is not searched.
	Approval string
}
