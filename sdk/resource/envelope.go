// Package resource defines what travels: the envelope of one discovered thing, its canonical bytes and
// hash, the scope it was read in and how that scope ended.
//
// It is the vocabulary shared by plugins, agent and collector, so it depends on nothing of ours.
package resource

import "encoding/json"

// Envelope is one thing as one connection saw it. Everything a kind has in common with every other kind is
// a field here and is never repeated inside Attributes.
type Envelope struct {
	// Kind names the resource's schema: "server", or "<provider>.<kind>" for a kind a plugin declares.
	Kind string `json:"kind"`
	// Major is the kind's major version, 1 or more. Minor versions are compatible and not part of the hash.
	Major int `json:"major"`
	// ExternalID is the provider's own name for the thing, unique within connection and kind.
	ExternalID string `json:"external_id"`
	// Name is what people call it. It may be empty and need not be unique.
	Name string `json:"name,omitempty"`
	// Partition is the label list of the scope it was read in.
	Partition Partition `json:"partition,omitempty"`
	Region    string    `json:"region,omitempty"`
	Zone      string    `json:"zone,omitempty"`
	// Tags are the provider's labels, sorted by key and then value. Keys may repeat if the provider allows it.
	Tags []Tag `json:"tags,omitempty"`
	// Identifiers name the thing beyond this connection; see sdk/schema for the registry of types.
	Identifiers []Identifier `json:"identifiers,omitempty"`
	Relations   []Relation   `json:"relations,omitempty"`
	// ConsoleURL leads a person to the thing in the provider's own console.
	ConsoleURL string `json:"console_url,omitempty"`
	// Attributes is one JSON object after the kind's schema, without its volatile leaves.
	Attributes json.RawMessage `json:"attributes,omitempty"`
	// Volatile is one JSON object of values that change all the time (uptime, load). It is not hashed,
	// makes no change and travels only with a real change or once a day.
	Volatile json.RawMessage `json:"-"`
	// Unread are JSON pointers into the envelope (/attributes/..., /tags) of details that exist but could
	// not be read this time. The collector keeps its previous values there and marks them stale.
	Unread []string `json:"unread,omitempty"`
	// Withheld are JSON pointers of what the site's policy dropped, masked or hashed. Only the agent sets it.
	Withheld []string `json:"withheld,omitempty"`
}

// Tag is one label.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Identifier is a typed value that names a thing beyond one connection, for example
// {"bios_uuid", "4210f2a4-..."}.
type Identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Relation is a directed edge from the envelope's thing to another, named by a verb such as "attached_to".
// Its target is either an external id in the same connection or a selector, never both.
type Relation struct {
	Verb string `json:"verb"`
	// Kind of the target. Required with ExternalID; narrows a selector when given.
	Kind       string `json:"kind,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	// Selector finds the target by identifier anywhere in the tenant.
	Selector *Identifier `json:"selector,omitempty"`
}

// Label is one element of a partition.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Partition is an ordered label list that a plugin declares, for example {account=1234, region=eu-west-2}.
// The empty partition is the whole connection.
type Partition []Label

// Scope is what is read, and proven complete or not, as one: a kind in a partition of a connection.
type Scope struct {
	Kind      string    `json:"kind"`
	Partition Partition `json:"partition,omitempty"`
}

// Status says how a scope ended.
type Status string

// The outcomes of a scope. Only StatusComplete proves absence.
const (
	StatusComplete    Status = "complete"    // every key was listed
	StatusPartial     Status = "partial"     // some keys were listed, then reading stopped
	StatusDenied      Status = "denied"      // the credential may not read this
	StatusThrottled   Status = "throttled"   // the provider refused for being asked too often, to the end
	StatusUnreachable Status = "unreachable" // no answer from the provider
	StatusUnsupported Status = "unsupported" // the provider has no such thing here
	StatusFailed      Status = "failed"      // anything else, a bug or a crash included
	StatusNotTried    Status = "not_tried"   // planned and never begun
)

// Outcome is how a scope ended, with the evidence.
type Outcome struct {
	Status Status `json:"status"`
	// Listed counts the keys read; Incomplete counts those of them with unread details; Duplicates counts
	// equal repeats that were dropped.
	Listed     int `json:"listed"`
	Incomplete int `json:"items_incomplete,omitempty"`
	Duplicates int `json:"duplicates,omitempty"`
	// Pages counts the provider's answers that were read, Retries the calls that were repeated.
	Pages   int `json:"pages,omitempty"`
	Retries int `json:"retries,omitempty"`
	// Error is the provider's own word, as text for people. Empty when complete.
	Error string `json:"error,omitempty"`
	// Advice says what to do about it, for example the permission to grant.
	Advice string `json:"advice,omitempty"`
	// Warnings are findings that spoiled nothing.
	Warnings []string `json:"warnings,omitempty"`
	// DurationMS is in milliseconds.
	DurationMS int64 `json:"duration_ms,omitempty"`
}
