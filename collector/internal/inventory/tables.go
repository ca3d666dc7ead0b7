package inventory

import (
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// The tables. docs/data-model.md says what each is for.
const (
	tObservations = "observations"
	tIndex        = "scope_index"
	tScopes       = "scope_chunks"
	tRuns         = "runs"
	tRunChunks    = "run_chunks"
	tResources    = "resources"
	tHeads        = "heads"
	tClaims       = "claims"
	tChanges      = "changes"
	tRelations    = "relations"
	// What was and is no more; related_past.go.
	tPastRelations = "past_relations"
	tPastHolders   = "past_holders"
	// What was forgotten, for lists of before; past_set.go.
	tPruned     = "pruned"
	tHeld       = "held_removals"
	tReviews    = "reviews"
	tOperations = "operations"
	tPins       = "identity_pins"
	tMarks      = "marks"
	tKinds      = "kinds"
	// Rules from tags to meaning; rules.go.
	tMappings    = "mappings"
	tMappingJobs = "mapping_jobs"
	tOptions     = "option_lists"
	tStaleness   = "staleness"
	// What people did in bulk; edit_items.go, person_relations.go.
	tEditChunks = "edit_chunks"
	tRelinks    = "relinks"
)

func text(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }
func texts(path ...string) filter.Field {
	return filter.Field{Path: path, Type: filter.String, Multi: true}
}
func when(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.Time} }
func number(path ...string) filter.Field {
	return filter.Field{Path: path, Type: filter.Number}
}

// Tables are the tables that the Service needs.
func Tables() []store.Table {
	idx := func(name string, fields ...filter.Field) store.Index { return store.Index{Name: name, Fields: fields} }
	return []store.Table{
		{Name: tObservations, Indexes: []store.Index{idx("connection", text("connection"), text("kind"))}},
		{Name: tIndex, Indexes: []store.Index{idx("scope", text("scope_id"), text("key"))}},
		{Name: tScopes, Indexes: []store.Index{idx("connection", text("connection"))}},
		{Name: tRuns, Indexes: []store.Index{
			idx("order", when("ordered_at")), idx("connection", text("connection"), when("ordered_at")), idx("state", text("state")), idx("finished", when("finished_at")),
			idx("position", text("connection"), number("epoch"), number("generation"))}},
		{Name: tRunChunks},
		{Name: tResources, Parts: true, Indexes: []store.Index{
			idx("name", text("name")), idx("state", text("state")), idx("roots_name", texts("access_roots"), text("name")), idx("roots_updated", texts("access_roots"), when("updated_at")),
			idx("updated", when("updated_at")), idx("tags", texts("tag_pairs")), idx("labels", texts("label_pairs")), idx("words", texts("words")),
			idx("nets", texts("nets")), idx("datacenter", text("datacenter")), idx("connections", texts("connections")),
			idx("identifiers", texts("identifiers", "value")), idx("origin", text("origin"))}},
		{Name: tHeads, Indexes: []store.Index{
			idx("kind", text("kind"), text("state")), idx("name", text("name")), idx("datacenter", text("datacenter")), idx("origin", text("datacenter"), text("origin")),
			idx("words", texts("words")), idx("addresses", texts("addresses"))}},
		{Name: tClaims, Indexes: []store.Index{idx("pair", text("pair")), idx("resource", text("resource_id"))}},
		{Name: tChanges, Indexes: []store.Index{
			idx("at", when("at")), idx("resource", text("resource_id"), number("version")), idx("run", text("run_id")),
			idx("kind", text("kind"), when("at")), idx("name", text("kind"), text("name")), idx("action", text("action"), when("at"))}},
		{Name: tRelations, Indexes: []store.Index{idx("from", text("from")), idx("want", text("want"))}},
		{Name: tPastRelations, Indexes: []store.Index{idx("from", text("from")), idx("want", text("want"))}},
		{Name: tPastHolders, Indexes: []store.Index{idx("resource", text("resource_id")), idx("want", text("want"))}},
		{Name: tPruned, Indexes: []store.Index{idx("at", when("at"))}},
		{Name: tHeld, Indexes: []store.Index{idx("state", text("state"), when("held_at"))}},
		{Name: tReviews, Indexes: []store.Index{idx("state", text("state"))}},
		{Name: tOperations, Indexes: []store.Index{idx("state", text("state"))}},
		{Name: tPins},
		{Name: tMarks},
		{Name: tKinds},
		{Name: tMappings, Indexes: []store.Index{idx("at", when("at"))}},
		{Name: tOptions},
		{Name: tStaleness},
		{Name: tMappingJobs, Indexes: []store.Index{idx("state", text("state"))}},
		{Name: tEditChunks, Indexes: []store.Index{idx("operation", text("operation"), number("number"))}},
		{Name: tRelinks, Indexes: []store.Index{idx("at", when("at"))}},
	}
}

// The states of an observation beside those of a resource: held is live, but waits for a person to believe its absence.
const stateHeld State = "held"

const (
	rowApplied   rowState = "applied"
	rowRejected  rowState = "rejected"
	rowHeld      rowState = "held"
	rowRefused   rowState = "refused"
	rowUnwatched rowState = "unwatched"
	// rowPending is no longer listed; what that means is decided when a run of the kind closes.
	rowPending rowState = "pending"
	// rowLeaving is no longer listed either, but because the settings were narrowed.
	rowLeaving rowState = "leaving"
)

// scopeState is how one scope of a connection stands; it outlives runs.
type scopeState struct {
	Key    string          `json:"key"`
	Status resource.Status `json:"status,omitempty"`
	Error  string          `json:"error,omitempty"`
	Advice string          `json:"advice,omitempty"`
	// Digest is over the rows that count, as of the last finished capture.
	Digest       resource.Digest `json:"digest"`
	Fingerprint  string          `json:"fingerprint,omitempty"`
	HashFormat   int             `json:"hash_format,omitempty"`
	KindDigest   string          `json:"kind_digest,omitempty"`
	PolicyDigest string          `json:"policy_digest,omitempty"`
	// CompleteFingerprint and CompletePos are of the last complete capture.
	CompleteFingerprint string   `json:"complete_fingerprint,omitempty"`
	CompletePos         position `json:"complete_pos"`
	// Applied is of the last finished capture, Open of one that has begun to write and has not finished.
	Applied position `json:"applied"`
	Open    position `json:"open"`
	// LastComplete is when it was last read to its end; Since is when it was first planned.
	LastComplete store.Time `json:"last_complete"`
	Since        store.Time `json:"since"`
	LastRun      string     `json:"last_run,omitempty"`
	// Planned says that the latest plan of its kind has it.
	Planned bool `json:"planned"`
	// PlanComplete is what that plan said of itself.
	PlanComplete bool `json:"plan_complete"`
	// Dropped says that its observations were turned unwatched because it is no longer planned.
	Dropped bool `json:"dropped,omitempty"`
	// Undecided says that there are rows pending or leaving, Rejected how many were rejected under which Rule.
	Undecided bool   `json:"undecided,omitempty"`
	Rejected  int    `json:"rejected,omitempty"`
	Rule      string `json:"rule,omitempty"`
	// Silent says that its observations give way to those of other connections.
	Silent bool `json:"silent,omitempty"`
	// Unread says that its observations were turned unwatched for not having been read.
	Unread bool `json:"unread,omitempty"`
	// Resend asks for the whole list once, whatever the digests say.
	Resend bool `json:"resend,omitempty"`
	// Refreshed is when all volatile values of the scope came last.
	Refreshed store.Time `json:"refreshed,omitzero"`
	// Failures counts the batches that could not be taken, for a fault of the collector's own, since a capture was last finished.
	Failures int `json:"failures,omitempty"`
	// Changed and Verdict are of the last capture, for a run that is replayed.
	Changed bool   `json:"changed,omitempty"`
	Verdict string `json:"verdict,omitempty"`
}

// scopeChunk is a row of scope states; statesPerChunk bounds what finishing one scope rewrites.
type scopeChunk struct {
	Connection string       `json:"connection"`
	Number     int          `json:"number"`
	Writer     string       `json:"writer"`
	States     []scopeState `json:"states"`
}

const statesPerChunk = 100

// runDoc is a run.
type runDoc struct {
	Connection     string     `json:"connection"`
	ConnectionName string     `json:"connection_name"`
	Agent          string     `json:"agent,omitempty"`
	Provider       string     `json:"provider"`
	State          string     `json:"state"`
	Trigger        string     `json:"trigger,omitempty"`
	Kinds          []string   `json:"kinds,omitempty"`
	OrderedAt      store.Time `json:"ordered_at"`
	QueuedAt       store.Time `json:"queued_at"`
	StartedAt      store.Time `json:"started_at"`
	FinishedAt     store.Time `json:"finished_at"`
	UpdatedAt      store.Time `json:"updated_at"`
	ScopesTotal    int        `json:"scopes_total"`
	ScopesDone     int        `json:"scopes_done"`
	Listed         int64      `json:"listed"`
	Phase          string     `json:"phase,omitempty"`
	Created        int        `json:"created"`
	Updated        int        `json:"updated"`
	Gone           int        `json:"gone"`
	Returned       int        `json:"returned"`
	Unwatched      int        `json:"unwatched"`
	Held           int        `json:"held"`
	Rejected       int        `json:"rejected"`
	Unchanged      bool       `json:"unchanged"`
	PlanComplete   bool       `json:"plan_complete"`
	Statuses       []counted  `json:"statuses,omitempty"`
	Error          string     `json:"error,omitempty"`
	Warnings       []string   `json:"warnings,omitempty"`
	Log            []string   `json:"log,omitempty"`
	PluginVersion  string     `json:"plugin_version,omitempty"`
	Epoch          int64      `json:"epoch"`
	Generation     int64      `json:"generation"`
	// Closed says that the agent itself ended it here, so that opening it again changes nothing.
	Closed bool `json:"closed"`
}

type counted struct {
	Key   string `json:"key"`
	Count int    `json:"count"`
}

// runChunk is a row of up to scopesPerRunChunk scopes of a run's plan, with their outcomes.
type runChunk struct {
	RunID  string     `json:"run_id"`
	Number int        `json:"number"`
	Scopes []runScope `json:"scopes"`
}

type runScope struct {
	Key      string           `json:"key"`
	Outcome  resource.Outcome `json:"outcome"`
	Changed  bool             `json:"changed,omitempty"`
	Verdict  string           `json:"verdict,omitempty"`
	Reason   string           `json:"reason,omitempty"`
	Rejected []Rejection      `json:"rejected,omitempty"`
}

const scopesPerRunChunk = 1000

// claimDoc gives an identifier to a resource.
type claimDoc struct {
	Kind  string `json:"kind"`
	Type  string `json:"type"`
	Value string `json:"value"`
	// Pair is type=value, for selectors that name no kind.
	Pair       string `json:"pair"`
	ResourceID string `json:"resource_id"`
	// Since is when the resource got it.
	Since store.Time `json:"since,omitzero"`
	// Contested says that it names several things and so joins nothing; Holders are the observations concerned.
	Contested bool     `json:"contested,omitempty"`
	Holders   []string `json:"holders,omitempty"`
}

// heldDoc is a held removal.
type heldDoc struct {
	Connection string             `json:"connection"`
	ScopeID    string             `json:"scope_id"`
	Kind       string             `json:"kind"`
	Partition  resource.Partition `json:"partition,omitempty"`
	RunID      string             `json:"run_id"`
	HeldAt     store.Time         `json:"held_at"`
	State      string             `json:"state"`
	Count      int                `json:"count"`
	ScopeSize  int                `json:"scope_size"`
	DecidedBy  string             `json:"decided_by,omitempty"`
	DecidedAt  store.Time         `json:"decided_at"`
	Reason     string             `json:"reason,omitempty"`
	AuditID    string             `json:"audit_id,omitempty"`
	// Settled says that what was decided has been carried out.
	Settled bool `json:"settled"`
}

// reviewDoc asks a person whether two resources are one.
type reviewDoc struct {
	Kind        string     `json:"kind"`
	State       string     `json:"state"` // open, merged, apart
	Pair        string     `json:"pair"`
	ResourceID  string     `json:"resource_id"`
	OtherID     string     `json:"other_id"`
	Observation string     `json:"observation"`
	At          store.Time `json:"at"`
	// Type is what makes one ask: bridge, duplicate, conflict, quarantine; empty is a bridge. Detail says it in words.
	Type      string     `json:"type,omitempty"`
	Detail    string     `json:"detail,omitempty"`
	DecidedBy string     `json:"decided_by,omitempty"`
	DecidedAt store.Time `json:"decided_at,omitzero"`
	Reason    string     `json:"reason,omitempty"`
}

// kindDoc is a kind that a plugin declared, or the fields that it adds to a built-in kind. The schema is kept as text, so
// that its bytes stay what was hashed.
type kindDoc struct {
	Name     string     `json:"name"`
	Major    int        `json:"major"`
	Minor    int        `json:"minor"`
	Schema   string     `json:"schema"`
	Digest   string     `json:"digest"`
	Provider string     `json:"provider"`
	Approval string     `json:"approval"`
	Plugin   string     `json:"plugin"` // version that declared it
	At       store.Time `json:"at"`
	Since    store.Time `json:"since,omitzero"`
	Extends  bool       `json:"extends,omitzero"` // fields added to a kind
	// Custom is what an administrator defined; the schema is made of it.
	Custom *CustomKind `json:"custom,omitempty"`
}
