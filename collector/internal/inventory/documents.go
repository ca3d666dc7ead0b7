package inventory

import (
	"encoding/json"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// obsDoc is an observation. Its blob is the canonical bytes as they came.
type obsDoc struct {
	Connection string `json:"connection"`
	Provider   string `json:"provider"`
	Kind       string `json:"kind"`
	ExternalID string `json:"external_id"`
	// Scope that it belongs to: the latest one that listed it. Also are scopes that listed it before and may still.
	Scope       string     `json:"scope"`
	Also        []string   `json:"also,omitempty"`
	ResourceID  string     `json:"resource_id"`
	State       State      `json:"state"`
	StateSince  store.Time `json:"state_since"`
	StateReason string     `json:"state_reason,omitempty"`
	Hash        string     `json:"hash"`
	ObservedAt  store.Time `json:"observed_at"`
	WrittenAt   store.Time `json:"written_at"`
	RunID       string     `json:"run_id,omitempty"`
	Epoch       int64      `json:"epoch"`
	Generation  int64      `json:"generation"`
	Match       string     `json:"match,omitempty"`
	Matched     *match     `json:"matched,omitempty"`
	Datacenter  string     `json:"datacenter,omitempty"`
	Client      string     `json:"client,omitempty"`
	Precedence  int64      `json:"precedence"`
	// Preference is what people gave its connection; Silent says that it gives way to others, not having been read for long.
	Preference int  `json:"preference,omitempty"`
	Silent     bool `json:"silent,omitempty"`
	// Previous are the last known values at the pointers that could not be read.
	Previous []previousValue `json:"previous,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
	// Volatile is JSON as text, since nothing looks into it.
	Volatile string `json:"volatile,omitempty"`
}

// previousValue is kept where a later reading could not look.
type previousValue struct {
	Pointer string          `json:"pointer"`
	Value   json.RawMessage `json:"value"`
	// Hash and At are of the reading that it comes from.
	Hash string     `json:"hash"`
	At   store.Time `json:"at"`
}

// rowState is how a key of a scope stands.
type rowState string

// counts says whether the row is part of the scope's digest.
func (s rowState) counts() bool { return s == rowApplied || s == rowRejected }

// indexDoc is one key of a scope.
type indexDoc struct {
	ScopeID string   `json:"scope_id"`
	Key     string   `json:"key"`
	Hash    string   `json:"hash"`
	State   rowState `json:"state"`
	// Reason and Rule are of a rejection: why, and by which version of the rules.
	Reason string `json:"reason,omitempty"`
	Rule   string `json:"rule,omitempty"`
	// RejectedAt is since when it is not taken; rows of older versions do not say.
	RejectedAt store.Time `json:"rejected_at,omitzero"`
	// Name is what a rejected item is called, as far as it could be read: people look for it by that.
	Name string `json:"name,omitempty"`
	// Fingerprint, Epoch and Generation are of the capture that wrote the row.
	Fingerprint string `json:"fp,omitempty"`
	Epoch       int64  `json:"epoch"`
	Generation  int64  `json:"gen"`
	// Held is the held removal that the row waits for.
	Held string `json:"held,omitempty"`
	// Kept is how many bytes the row's blob has of an item that was rejected for a fault of the collector's own.
	Kept int `json:"kept,omitempty"`
}

// position orders captures.
type position struct {
	Epoch      int64 `json:"epoch"`
	Generation int64 `json:"generation"`
}

func (p position) less(o position) bool {
	if p.Epoch != o.Epoch {
		return p.Epoch < o.Epoch
	}
	return p.Generation < o.Generation
}

// edge is a relation as one observation declares it. Want is the key by which its target is found.
type edge struct {
	Verb  string `json:"verb"`
	Kind  string `json:"kind,omitempty"`
	Want  string `json:"want"`
	Label string `json:"label"`
	// Rule that makes it; empty for what a source or a person states.
	Rule string `json:"rule,omitempty"`
}

type relationDoc struct {
	From     string `json:"from"`
	FromKind string `json:"from_kind"`
	edge
}

// source is an observation that a resource consists of. Row is the version of the observation's row that went into the
// revision: a stored one below it has still to be written by whoever made the revision.
type source struct {
	Observation string `json:"observation"`
	Connection  string `json:"connection"`
	Row         int64  `json:"row"`
}

// curated is a field set by a person.
type curated struct {
	Pointer string          `json:"pointer"`
	Value   json.RawMessage `json:"value"`
	Actor   string          `json:"actor"`
	At      store.Time      `json:"at"`
}

// absorbed is a resource that lives on in another one, with its name then. Manual says that the other is hand-made for its sake.
type absorbed struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Manual bool   `json:"manual,omitempty"`
}

// pin makes one connection the source of a field. Later issues write them; the merge knows them already.
type pin struct {
	Pointer    string `json:"pointer"`
	Connection string `json:"connection"`
}

// provenance says where the values at Pointers came from; without pointers it is for all that no other names.
type provenance struct {
	Pointers   []string   `json:"pointers,omitempty"`
	Curated    bool       `json:"curated,omitempty"`
	Connection string     `json:"connection,omitempty"`
	Actor      string     `json:"actor,omitempty"`
	At         store.Time `json:"at"`
	Stale      bool       `json:"stale,omitempty"`
}

// revision is one version of a resource: all that is needed to show it and to go on from it.
type revision struct {
	Kind  string `json:"kind"`
	Major int    `json:"major"`
	Name  string `json:"name"`
	// OtherNames are what it is called by sources whose name for it is not shown.
	OtherNames  []string       `json:"other_names,omitempty"`
	State       State          `json:"state"`
	StateSince  store.Time     `json:"state_since"`
	StateReason string         `json:"state_reason,omitempty"`
	RedirectTo  string         `json:"redirect_to,omitempty"`
	Region      string         `json:"region,omitempty"`
	Zone        string         `json:"zone,omitempty"`
	Datacenter  string         `json:"datacenter,omitempty"`
	Tags        []resource.Tag `json:"tags,omitempty"`
	// Labels are tags in the spelling of the tenant.
	Labels      []resource.Tag        `json:"labels,omitempty"`
	Identifiers []resource.Identifier `json:"identifiers,omitempty"`
	ConsoleURL  string                `json:"console_url,omitempty"`
	Attributes  json.RawMessage       `json:"attributes"`
	Common      json.RawMessage       `json:"common"`
	Stale       []string              `json:"stale,omitempty"`
	Withheld    []string              `json:"withheld,omitempty"`
	Conflicts   []string              `json:"conflicts,omitempty"`
	Warnings    []string              `json:"warnings,omitempty"`
	Edges       []edge                `json:"edges,omitempty"`
	Connections []string              `json:"connections,omitempty"`
	AccessRoots []string              `json:"access_roots"`
	Provenance  []provenance          `json:"provenance,omitempty"`
	// What it is made of.
	Sources []source  `json:"sources,omitempty"`
	Curated []curated `json:"curated,omitempty"`
	Pins    []pin     `json:"pins,omitempty"`
	// ManualIdentifiers were given by a person. Manual says that a person made the resource.
	ManualIdentifiers []resource.Identifier `json:"manual_identifiers,omitempty"`
	Manual            bool                  `json:"manual,omitempty"`
	// RuleEdges are relations that mapping rules make.
	RuleEdges []edge `json:"rule_edges,omitempty"`
	// ManualEdges are relations that a person stated. Retired says that a hand-made resource was removed again.
	ManualEdges []edge `json:"manual_edges,omitempty"`
	Retired     bool   `json:"retired,omitempty"`
	// Absorbed are resources that were merged into it; Apart are those that a person said are others.
	Absorbed  []absorbed `json:"absorbed,omitempty"`
	Apart     []string   `json:"apart,omitempty"`
	CreatedAt store.Time `json:"created_at"`
	UpdatedAt store.Time `json:"updated_at"`
}

// resourceDoc is the projection of the latest change, with what lists need.
type resourceDoc struct {
	revision
	// ChangeHash is of the change that made this version; the next one carries it on.
	ChangeHash string `json:"change_hash"`
	// TagPairs, MissingTags... are derived for lookups and are in no revision.
	TagPairs   []string `json:"tag_pairs,omitempty"`
	LabelPairs []string `json:"label_pairs,omitempty"`
	// IdentifierPairs are "type=value".
	IdentifierPairs []string `json:"identifier_pairs,omitempty"`
	Words           []string `json:"words,omitempty"`
	// Nets are the keys of the addresses at each field, "field|key".
	Nets []string `json:"nets,omitempty"`
	// own are the keys of the addresses that the resource itself has; they are kept in its head.
	own []string
	// domain is the routing domain that the resource names for itself.
	domain string
	Origin string `json:"origin,omitempty"`
}

// headDoc is what lists across kinds need of a resource.
type headDoc struct {
	Kind        string   `json:"kind"`
	Name        string   `json:"name"`
	State       State    `json:"state"`
	RedirectTo  string   `json:"redirect_to,omitempty"`
	Datacenter  string   `json:"datacenter,omitempty"`
	AccessRoots []string `json:"access_roots"`
	Words       []string `json:"words,omitempty"`
	// Addresses are the keys of the resource's own addresses, each behind the place that it is unique in.
	Addresses []string   `json:"addresses,omitempty"`
	UpdatedAt store.Time `json:"updated_at"`
	Origin    string     `json:"origin,omitempty"`
}

// changeDoc is a change: the commit. Quiet ones were made by rules only and are not shown as changes.
type changeDoc struct {
	ResourceID  string        `json:"resource_id"`
	Kind        string        `json:"kind"`
	Name        string        `json:"name"`
	Version     int64         `json:"version"`
	Action      string        `json:"action"`
	At          store.Time    `json:"at"`
	ObservedAt  store.Time    `json:"observed_at"`
	Actor       string        `json:"actor"`
	RunID       string        `json:"run_id,omitempty"`
	Connection  string        `json:"connection,omitempty"`
	AuditID     string        `json:"audit_id,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Quiet       bool          `json:"quiet"`
	Diff        []FieldChange `json:"diff,omitempty"`
	AccessRoots []string      `json:"access_roots"`
	PrevHash    string        `json:"prev_hash,omitempty"`
	Hash        string        `json:"hash,omitempty"`
	Revision    revision      `json:"revision"`
}
