package rest

import (
	"encoding/json"
	"time"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Resource is a thing of the inventory, of any kind.
type Resource struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Major   int    `json:"major"`
	Version int64  `json:"version" doc:"Counts the changes; the ETag of the resource"`
	// State is active, gone or unwatched; merged for one that lives on as RedirectTo.
	State       string         `json:"state" enum:"active,gone,unwatched,merged"`
	StateSince  time.Time      `json:"state_since"`
	StateReason string         `json:"state_reason,omitempty"`
	RedirectTo  string         `json:"redirect_to,omitempty"`
	Name        string         `json:"name"`
	Region      string         `json:"region,omitempty"`
	Zone        string         `json:"zone,omitempty"`
	Datacenter  *Ref           `json:"datacenter,omitempty"`
	Tags        []resource.Tag `json:"tags,omitempty"`
	// Labels are those of the tags that the mapping has a spelling for, in it.
	Labels      []resource.Tag        `json:"labels,omitempty"`
	Identifiers []resource.Identifier `json:"identifiers,omitempty"`
	ConsoleURL  string                `json:"console_url,omitempty"`
	// Attributes follow the kind's schema; Common is the block every kind has.
	Attributes map[string]any `json:"attributes"`
	Common     Common         `json:"common"`
	// Volatile are values that change all the time, as last sent.
	Volatile map[string]any `json:"volatile,omitempty"`
	// Stale and Withheld are JSON pointers: kept from before because unreadable now; kept back by a site.
	Stale     []string  `json:"stale,omitempty"`
	Withheld  []string  `json:"withheld,omitempty"`
	Conflicts []string  `json:"conflicts,omitempty" doc:"Pointers on which the sources differ"`
	Warnings  []string  `json:"warnings,omitempty" doc:"What is wrong with what the sources say"`
	Origin    string    `json:"origin" enum:"recorded,discovered,both" doc:"Who knows of it: people, discovery, or both"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	LastSeen  time.Time `json:"last_seen,omitzero"`

	// The rest is only in the answer for a single resource.
	Provenance   map[string]Source `json:"provenance,omitempty" doc:"JSON pointer -> where the value came from"`
	Observations []Observation     `json:"observations,omitempty"`
	Absorbed     []Ref             `json:"absorbed,omitempty" doc:"Resources that were merged into this one and can be split off again"`
	Apart        []string          `json:"apart,omitempty" doc:"Ids of resources that a person said are others, whatever they share"`
	// Approval is of the answer to a merge or split.
	Approval string `json:"approval,omitempty" doc:"Of the answer to a merge or split: the approval that it waits for; nothing is done until then"`
}

// ResourceMerge says that another resource is the same thing.
type ResourceMerge struct {
	With   string `json:"with" minLength:"1" maxLength:"200" doc:"Id of the resource that lives on as this one"`
	Reason string `json:"reason,omitempty" maxLength:"2000"`
}

// ResourceSplit says that a resource is two things: one that was merged into it comes back, or observations become one of their own.
type ResourceSplit struct {
	Resource     string           `json:"resource,omitempty" maxLength:"200" doc:"Id of a merged resource that comes back, one of absorbed"`
	Observations []ObservationRef `json:"observations,omitempty" maxItems:"1000" doc:"What is split off"`
	Reason       string           `json:"reason,omitempty" maxLength:"2000"`
}

// ObservationRef names an observation.
type ObservationRef struct {
	Connection string `json:"connection" minLength:"1" maxLength:"200" doc:"Id of the connection"`
	ExternalID string `json:"external_id" minLength:"1" maxLength:"2048"`
}

// ResourceHead is a resource in a list across kinds: what every kind has, and where to read the rest.
type ResourceHead struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Version    int64     `json:"version"`
	State      string    `json:"state" enum:"active,gone,unwatched,merged"`
	Name       string    `json:"name"`
	Datacenter *Ref      `json:"datacenter,omitempty"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Common is the block that every kind has; all of it is curated. Its definition is the schema's, so that what is
// validated, filtered and shown has one set of names.
type Common = schema.Common

// Source says where a field's value came from.
type Source struct {
	// Type is discovered or curated.
	Type string `json:"type" enum:"discovered,curated"`
	// Connection for a discovered value, absent when the reader may not see it ("another source").
	Connection *Ref `json:"connection,omitempty"`
	// Actor for a curated value: "user:anna", "token:ci"; or what it is derived by: "rule:owner", "reference:prices 2026.1".
	Actor string    `json:"actor,omitempty"`
	At    time.Time `json:"at"`
	Stale bool      `json:"stale,omitempty"`
	// Discovered is what discovery says where a person set something else; resetting the field gives it.
	Discovered any `json:"discovered,omitempty"`
}

// Observation is what one connection saw of the resource.
type Observation struct {
	Connection  *Ref               `json:"connection,omitempty"`
	ExternalID  string             `json:"external_id"`
	Partition   resource.Partition `json:"partition,omitempty"`
	State       string             `json:"state" enum:"active,gone,unwatched,held"`
	StateSince  time.Time          `json:"state_since"`
	StateReason string             `json:"state_reason,omitempty"`
	Match       string             `json:"match,omitempty" doc:"Why it belongs to this resource, in words"`
	MatchedOn   *MatchedOn         `json:"matched_on,omitempty"`
	Warnings    []string           `json:"warnings,omitempty"`
	Hash        string             `json:"hash"`
	ObservedAt  time.Time          `json:"observed_at"`
	LastSeen    time.Time          `json:"last_seen"`
	RunID       string             `json:"run_id,omitempty"`
	Envelope    json.RawMessage    `json:"envelope"`
}

// MatchedOn is the identifier that joined an observation to its resource.
type MatchedOn struct {
	Identifier resource.Identifier `json:"identifier"`
	Rank       int                 `json:"rank" doc:"1 is the strongest"`
	Conflicts  []string            `json:"conflicts,omitempty" doc:"What the joined observations said differently then: types of identifiers, addresses"`
}

// RelatedResource is one edge, seen from the resource asked about.
type RelatedResource struct {
	Verb      string `json:"verb"`
	Direction string `json:"direction" enum:"out,in"`
	// Resource is absent while the target is not known; Wanted then says what is looked for.
	Resource *Ref   `json:"resource,omitempty"`
	State    string `json:"state,omitempty"`
	Wanted   string `json:"wanted,omitempty"`
	Warning  string `json:"warning,omitempty"`
	Source   string `json:"source,omitempty" doc:"Who states it: discovered, curated, rule:<name>"`
}

// ResourceCreate makes a resource by hand.
type ResourceCreate struct {
	Name        string                `json:"name" minLength:"1" maxLength:"500"`
	Datacenter  string                `json:"datacenter,omitempty" doc:"Id of a datacenter"`
	Region      string                `json:"region,omitempty"`
	Zone        string                `json:"zone,omitempty"`
	Tags        []resource.Tag        `json:"tags,omitempty"`
	Identifiers []resource.Identifier `json:"identifiers,omitempty"`
	Attributes  map[string]any        `json:"attributes,omitempty"`
	Common      *Common               `json:"common,omitempty"`
	Relations   []RelationWrite       `json:"relations,omitempty" maxItems:"100" doc:"What the resource is related to, as its author states it"`
	// RequestID makes the creation idempotent.
	RequestID string `json:"request_id,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// ResourcePatch curates fields. Set maps JSON pointers (/name, /tags/env, /attributes/memory_bytes, /common/owner) to values;
// Reset lists pointers to hand back to discovery.
type ResourcePatch struct {
	Set    map[string]any `json:"set,omitempty"`
	Reset  []string       `json:"reset,omitempty"`
	Reason string         `json:"reason,omitempty"`
	// Identifiers are added to those there are; discovery then adopts the resource instead of making another.
	Identifiers       []resource.Identifier `json:"identifiers,omitempty" maxItems:"100" doc:"Added: discovery adopts the resource by them"`
	RemoveIdentifiers []resource.Identifier `json:"remove_identifiers,omitempty" maxItems:"100" doc:"Taken away; only what a person gave"`
}

// Change is one difference of the inventory.
type Change struct {
	ID         string        `json:"id"`
	ResourceID string        `json:"resource_id"`
	Kind       string        `json:"kind"`
	Name       string        `json:"name"`
	Version    int64         `json:"version"`
	Action     string        `json:"action" enum:"created,updated,gone,returned,unwatched,merged"`
	At         time.Time     `json:"at" doc:"When the collector committed it"`
	ObservedAt time.Time     `json:"observed_at,omitzero"`
	Actor      string        `json:"actor" doc:"run:<id>, user:<name>, rule:<name>"`
	RunID      string        `json:"run_id,omitempty"`
	Connection *Ref          `json:"connection,omitempty"`
	AuditID    string        `json:"audit_id,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Diff       []FieldChange `json:"diff,omitempty"`
	PrevHash   string        `json:"prev_hash,omitempty"`
	Hash       string        `json:"hash"`
}

// FieldChange is one field's difference.
type FieldChange struct {
	Pointer string `json:"pointer"`
	Old     any    `json:"old,omitempty"`
	New     any    `json:"new,omitempty"`
	// What people call what old and new are ids of.
	OldName string `json:"old_name,omitempty" doc:"Name of the datacenter that old is the id of, if it still is one and the caller may see it"`
	NewName string `json:"new_name,omitempty" doc:"The same of new"`
}

// Was is the value of before, as people call it.
func (c FieldChange) Was() any { return orName(c.Old, c.OldName) }

// Is is the value that it became, as people call it.
func (c FieldChange) Is() any { return orName(c.New, c.NewName) }

func orName(v any, name string) any {
	if name != "" {
		return name
	}
	return v
}

// TakenBy is a resource that has a name or an address already.
type TakenBy struct {
	Resource ResourceHead `json:"resource"`
	What     []string     `json:"what" doc:"name, address"`
}
