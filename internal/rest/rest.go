// Package rest holds the documents of the human plane: what the collector's REST API answers and takes, as the
// CLI reads them. The OpenAPI document, and from it the web UI's types, are generated from these structs.
package rest

import (
	"encoding/json"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// List is one page of anything.
type List[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"next_page_token,omitempty" doc:"Pass as page_token for the next page; absent at the end"`
	TotalSize     int    `json:"total_size"`
	// TotalSizeIsLowerBound is set when counting stopped at 10,000.
	TotalSizeIsLowerBound bool `json:"total_size_is_lower_bound,omitempty"`
}

// Marks are places in a list from which it can be read on.
type Marks struct {
	Every     int      `json:"every" doc:"Rows between two marks, a multiple of page_size"`
	Marks     []string `json:"marks" doc:"Each a page_token for the list of the same filter and order; the first follows after as many rows as every says"`
	TotalSize int      `json:"total_size" doc:"Exact up to 1,000,000"`
	// TotalSizeIsLowerBound is set when there are more rows than are marked.
	TotalSizeIsLowerBound bool `json:"total_size_is_lower_bound,omitempty"`
}

// Ref names another object, with the name people know it by.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Kind string `json:"kind,omitempty"`
}

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
}

// AuditEntry is anything anyone did.
type AuditEntry struct {
	ID      string         `json:"id"`
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor"`
	Action  string         `json:"action" doc:"verb.object: sign_in, connection.update, run.request ..."`
	Object  *Ref           `json:"object,omitempty"`
	Outcome string         `json:"outcome" enum:"ok,refused,failed,pending"`
	Address string         `json:"address,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Detail  map[string]any `json:"detail,omitempty"`
}

// Run is one execution of a connection.
type Run struct {
	ID         string    `json:"id"`
	Connection Ref       `json:"connection"`
	Agent      *Ref      `json:"agent,omitempty"`
	Provider   string    `json:"provider"`
	State      string    `json:"state" enum:"queued,running,succeeded,partial,failed,canceled"`
	Trigger    string    `json:"trigger" doc:"schedule, user:<name>, start"`
	Kinds      []string  `json:"kinds,omitempty"`
	QueuedAt   time.Time `json:"queued_at,omitzero"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	// Progress while it runs.
	ScopesTotal int    `json:"scopes_total"`
	ScopesDone  int    `json:"scopes_done"`
	Listed      int64  `json:"listed"`
	Phase       string `json:"phase,omitempty"`
	// What it changed.
	Created   int  `json:"created"`
	Updated   int  `json:"updated"`
	Gone      int  `json:"gone"`
	Returned  int  `json:"returned"`
	Held      int  `json:"held"`
	Rejected  int  `json:"rejected"`
	Unchanged bool `json:"unchanged,omitempty" doc:"The root was equal; nothing else travelled"`

	PlanComplete  bool           `json:"plan_complete"`
	Statuses      map[string]int `json:"statuses,omitempty" doc:"Scopes by outcome"`
	Error         string         `json:"error,omitempty"`
	Warnings      []string       `json:"warnings,omitempty"`
	Log           []string       `json:"log,omitempty"`
	PluginVersion string         `json:"plugin_version,omitempty"`
}

// RunScope is one scope of a run, with its outcome.
type RunScope struct {
	Kind      string             `json:"kind"`
	Partition resource.Partition `json:"partition,omitempty"`
	Outcome   resource.Outcome   `json:"outcome"`
	Changed   bool               `json:"changed"`
	Rejected  []Rejection        `json:"rejected,omitempty"`
	// Verdict of the collector: applied, unchanged, superseded, failed.
	Verdict string `json:"verdict,omitempty"`
}

// Rejection is an item that was not taken, and why.
type Rejection struct {
	ExternalID string `json:"external_id"`
	Reason     string `json:"reason"`
}

// RejectedItem is something that a connection reads and that is not in the inventory, and why.
type RejectedItem struct {
	Kind       string             `json:"kind"`
	Partition  resource.Partition `json:"partition,omitempty"`
	Scope      string             `json:"scope" doc:"The scope's key, to ask for what is kept of it"`
	ExternalID string             `json:"external_id"`
	Reason     string             `json:"reason" doc:"Begins with \"internal: \" where the collector itself failed on it"`
	Hash       string             `json:"hash" doc:"Empty while its body is asked for again"`
	RejectedAt time.Time          `json:"rejected_at,omitzero" doc:"Since when it is not taken"`
	KeptBytes  int                `json:"kept_bytes,omitempty" doc:"Of those on which the collector itself failed: what it keeps of them"`
}

// RejectedItems are those of a connection.
type RejectedItems struct {
	Items []RejectedItem `json:"items"`
	More  bool           `json:"more,omitempty" doc:"There are more than are listed"`
}

// RejectedBody is what is kept of a rejected item.
type RejectedBody struct {
	ExternalID string `json:"external_id"`
	Canonical  string `json:"canonical" doc:"The envelope as the agent hashed and sent it"`
}

// Agent is a process installed in a network.
type Agent struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Site        string          `json:"site,omitempty"`
	Status      string          `json:"status" enum:"online,offline,held,revoked" doc:"held: there are two copies of it; see hold"`
	Version     string          `json:"version,omitempty"`
	OS          string          `json:"os,omitempty"`
	Arch        string          `json:"arch,omitempty"`
	Hostname    string          `json:"hostname,omitempty"`
	LastContact time.Time       `json:"last_contact,omitzero"`
	EnrolledAt  time.Time       `json:"enrolled_at"`
	CertNotAft  time.Time       `json:"certificate_not_after,omitzero"`
	ClockSkewMS int64           `json:"clock_skew_ms"`
	Spool       SpoolStatus     `json:"spool"`
	Credentials []CredentialRef `json:"credentials,omitempty" doc:"Names only; the values never leave the agent"`
	Plugins     []AgentPlugin   `json:"plugins,omitempty"`
	SealingKey  string          `json:"sealing_key,omitempty" doc:"Fingerprint of the key that credentials are sealed to"`
	Policy      []string        `json:"policy,omitempty" doc:"What the site's policy withholds"`
	Notices     []string        `json:"notices,omitempty"`
	Connections []Ref           `json:"connections,omitempty"`
	// Recoveries that an administrator allows, until RecoveryUntil.
	Recoveries    int       `json:"recoveries,omitempty" doc:"How often the agent may get a certificate after its own has expired"`
	RecoveryUntil time.Time `json:"recovery_until,omitzero"`
	// Hold is there while what the agent pushes waits for a person.
	Hold *AgentHold `json:"hold,omitempty"`
	// Drain is there from the order to drain until it is taken back.
	Drain *AgentDrain `json:"drain,omitempty"`
}

// AgentDrain says how far an agent is with taking no work.
type AgentDrain struct {
	State  string    `json:"state" enum:"draining,drained" doc:"drained: nothing goes on and nothing waits to be sent, so it can be stopped"`
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	// What is left.
	Runs     int    `json:"runs" doc:"That go on still"`
	Captures int    `json:"captures" doc:"That wait to be sent"`
	Waits    string `json:"waits,omitempty" doc:"What it waits for, in words"`
}

// AgentHold says that an agent was found to be two, and what to do about it.
type AgentHold struct {
	Since  time.Time   `json:"since"`
	Reason string      `json:"reason"`
	Advice string      `json:"advice"`
	Copies []AgentCopy `json:"copies"`
}

// AgentCopy is one of the processes that speak as the agent.
type AgentCopy struct {
	ID        string    `json:"id" doc:"To be named in a release"`
	Hostname  string    `json:"hostname,omitempty"`
	MachineID string    `json:"machine_id,omitempty" doc:"A hash of the machine's own id"`
	BootID    string    `json:"boot_id,omitempty"`
	Address   string    `json:"address,omitempty" doc:"Where it calls from"`
	LastHeard time.Time `json:"last_heard"`
}

// AgentRelease says which of the copies is the agent.
type AgentRelease struct {
	Keep   string `json:"keep" minLength:"1" maxLength:"1100" doc:"The id of the copy that is the agent"`
	Reason string `json:"reason,omitempty" maxLength:"1000"`
}

// RecoveryGrant allows an agent whose certificate has expired to get another with its bound key. It replaces what was allowed
// before; a count of 0 takes it back.
type RecoveryGrant struct {
	Count      *int   `json:"count,omitempty" minimum:"0" maximum:"100" default:"1"`
	TTLSeconds int    `json:"ttl_seconds,omitempty" minimum:"60" maximum:"2592000" default:"86400"`
	Reason     string `json:"reason,omitempty" maxLength:"1000" doc:"For the audit log"`
}

// SpoolStatus is an agent's outbox.
type SpoolStatus struct {
	Captures int   `json:"captures"`
	Bytes    int64 `json:"bytes"`
}

// CredentialRef is a credential's name and what it may be used for.
type CredentialRef struct {
	Name      string   `json:"name"`
	Providers []string `json:"providers,omitempty"`
}

// AgentPlugin is a plugin that an agent has.
type AgentPlugin struct {
	Provider string `json:"provider"`
	Version  string `json:"version"`
	Title    string `json:"title"`
	SHA256   string `json:"sha256,omitempty"`
}

// Plugin is a provider's description as reported by agents; the settings form is made from it.
type Plugin struct {
	provider.Description
	Digest string `json:"digest"`
	Agents []Ref  `json:"agents"`
}

// JoinToken lets one agent in.
type JoinToken struct {
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`
	Site      string    `json:"site,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	UsedAt    time.Time `json:"used_at,omitzero"`
	UsedBy    *Ref      `json:"used_by,omitempty"`
	// Token is only in the answer to its creation. It carries the fingerprint of the collector's authority.
	Token string `json:"token,omitempty"`
	// Command to paste on the agent's machine; only in the answer to its creation.
	Command string `json:"command,omitempty"`
}

// JoinTokenCreate asks for a join token.
type JoinTokenCreate struct {
	Name       string `json:"name,omitempty"`
	Site       string `json:"site,omitempty"`
	TTLSeconds int    `json:"ttl_seconds,omitempty" minimum:"60" maximum:"604800" default:"3600"`
}

// ConnectionFile is a file that somebody uploaded for a connection's plugin to read.
type ConnectionFile struct {
	Name       string    `json:"name"`
	SizeBytes  int64     `json:"size_bytes"`
	SHA256     string    `json:"sha256" doc:"Lower-case hex"`
	UploadedAt time.Time `json:"uploaded_at"`
	UploadedBy string    `json:"uploaded_by"`
}

// ConnectionUpload is what an archive of files did.
type ConnectionUpload struct {
	Uploaded  int `json:"uploaded" doc:"Files that are new or have another content"`
	Unchanged int `json:"unchanged" doc:"Files that were there with the same content"`
}

// Connection is a configured access to a provider.
type Connection struct {
	ID                   string          `json:"id"`
	Version              int64           `json:"version"`
	Name                 string          `json:"name"`
	Provider             string          `json:"provider"`
	Agent                *Ref            `json:"agent,omitempty"`
	Datacenter           *Ref            `json:"datacenter,omitempty"`
	Settings             json.RawMessage `json:"settings"`
	Credential           string          `json:"credential,omitempty" doc:"Name of a credential in the agent's own file"`
	Kinds                []KindSchedule  `json:"kinds"`
	Rules                []MappingRule   `json:"rules,omitempty"`
	Paused               bool            `json:"paused"`
	Precedence           int             `json:"precedence,omitempty" minimum:"0" maximum:"1000" doc:"Whose value is shown where sources differ: 1 to 1000, the lower wins; absent is 500, and among equals the older connection"`
	MaxRequestsPerSecond float64         `json:"max_requests_per_second,omitempty" minimum:"0" doc:"Most requests that the plugin may send to its provider in a second; 0 is without limit"`
	MaxParallelRequests  int             `json:"max_parallel_requests,omitempty" minimum:"0" doc:"Most requests at a time; 0 is without limit"`
	QuietHours           []string        `json:"quiet_hours,omitempty" doc:"When nothing is read by schedule: 22:00-06:00, or mon-fri 08:00-18:00"`
	TimeZone             string          `json:"time_zone,omitempty" doc:"Of cron expressions and quiet hours, such as Europe/Lisbon; UTC when absent"`
	ManagedBy            string          `json:"managed_by,omitempty" doc:"Set of documents that made it and keeps it (maestro apply)"`
	Epoch                int64           `json:"epoch"`
	CreatedAt            time.Time       `json:"created_at"`
	UpdatedAt            time.Time       `json:"updated_at"`
	LastRun              *Run            `json:"last_run,omitempty"`
	// Health is ok, degraded, failing or never, from the latest outcomes; paused; or no_agent, when it has none or a revoked one.
	Health string `json:"health" enum:"ok,degraded,failing,never,paused,no_agent"`
}

// KindSchedule says whether and how often a kind is read. Exactly one of IntervalSeconds and Cron is set.
type KindSchedule struct {
	Kind            string `json:"kind"`
	Enabled         bool   `json:"enabled"`
	IntervalSeconds int64  `json:"interval_seconds,omitempty" minimum:"0"`
	Cron            string `json:"cron,omitempty"`
	Precedence      int    `json:"precedence,omitempty" minimum:"0" maximum:"1000" doc:"For this kind, instead of the connection's"`
}

// MappingRule sends what was read under a partition label elsewhere than to the default datacenter.
type MappingRule struct {
	Label      string `json:"label"`
	Value      string `json:"value"`
	Datacenter string `json:"datacenter,omitempty"`
	Client     string `json:"client,omitempty"`
}

// ConnectionWrite creates a connection, or replaces what people decide of it.
type ConnectionWrite struct {
	Name                 string          `json:"name" minLength:"1" maxLength:"200"`
	Provider             string          `json:"provider"`
	Agent                string          `json:"agent,omitempty" doc:"Id of the agent that runs it"`
	Datacenter           string          `json:"datacenter,omitempty"`
	Settings             json.RawMessage `json:"settings,omitempty"`
	Credential           string          `json:"credential,omitempty"`
	Kinds                []KindSchedule  `json:"kinds,omitempty" doc:"Absent: all the plugin's kinds, each at its usual interval"`
	Rules                []MappingRule   `json:"rules,omitempty"`
	Paused               bool            `json:"paused,omitempty"`
	Precedence           int             `json:"precedence,omitempty" minimum:"0" maximum:"1000" doc:"Whose value is shown where sources differ: 1 to 1000, the lower wins; absent is 500, and among equals the older connection"`
	MaxRequestsPerSecond float64         `json:"max_requests_per_second,omitempty" minimum:"0" doc:"Most requests that the plugin may send to its provider in a second; 0 is without limit"`
	MaxParallelRequests  int             `json:"max_parallel_requests,omitempty" minimum:"0" doc:"Most requests at a time; 0 is without limit"`
	QuietHours           []string        `json:"quiet_hours,omitempty" doc:"When nothing is read by schedule: 22:00-06:00, or mon-fri 08:00-18:00"`
	TimeZone             string          `json:"time_zone,omitempty" doc:"Of cron expressions and quiet hours, such as Europe/Lisbon; UTC when absent"`
	ManagedBy            string          `json:"managed_by,omitempty" maxLength:"100" doc:"Set of documents that makes it; only looked at when it is made"`
}

// RunRequest asks for a run now.
type RunRequest struct {
	Kinds []string `json:"kinds,omitempty" doc:"Absent: all enabled kinds"`
}

// CheckResult is what a permission check answered.
type CheckResult struct {
	State  string                `json:"state" enum:"pending,done,failed"`
	Report *provider.CheckReport `json:"report,omitempty"`
	Error  string                `json:"error,omitempty"`
}

// Datacenter is where resources live.
type Datacenter struct {
	ID          string   `json:"id"`
	Version     int64    `json:"version"`
	Name        string   `json:"name"`
	Provider    string   `json:"provider,omitempty"`
	Description string   `json:"description,omitempty"`
	Regions     []string `json:"regions,omitempty"`
	Zones       []string `json:"zones,omitempty"`
	// RoutingDomain names what its addresses are unique in together with other datacenters of the same name; its own when empty.
	RoutingDomain string    `json:"routing_domain,omitempty"`
	ManagedBy     string    `json:"managed_by,omitempty" doc:"Set of documents that made it and keeps it (maestro apply)"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	// Counts of active resources by kind.
	Counts map[string]int `json:"counts,omitempty"`
}

// DatacenterWrite creates or edits a datacenter.
type DatacenterWrite struct {
	Name          string   `json:"name" minLength:"1" maxLength:"200"`
	Provider      string   `json:"provider,omitempty"`
	Description   string   `json:"description,omitempty"`
	Regions       []string `json:"regions,omitempty"`
	Zones         []string `json:"zones,omitempty"`
	RoutingDomain string   `json:"routing_domain,omitempty" maxLength:"200" doc:"Datacenters that name the same one share their addresses; absent: its addresses are its own"`
	ManagedBy     string   `json:"managed_by,omitempty" maxLength:"100" doc:"Set of documents that makes it; only looked at when it is made"`
}

// OriginCount counts a kind's active resources in a datacenter by who knows of them.
type OriginCount struct {
	Kind       string `json:"kind"`
	Recorded   int    `json:"recorded" doc:"Only people know of them"`
	Discovered int    `json:"discovered" doc:"Only discovery knows of them"`
	Both       int    `json:"both"`
}

// TakenBy is a resource that has a name or an address already.
type TakenBy struct {
	Resource ResourceHead `json:"resource"`
	What     []string     `json:"what" doc:"name, address"`
}

// HeldRemoval is a removal that waits for a person.
type HeldRemoval struct {
	ID         string             `json:"id"`
	Connection Ref                `json:"connection"`
	Kind       string             `json:"kind"`
	Partition  resource.Partition `json:"partition,omitempty"`
	RunID      string             `json:"run_id"`
	HeldAt     time.Time          `json:"held_at"`
	State      string             `json:"state" enum:"held,approved,refused,released"`
	Count      int                `json:"count"`
	ScopeSize  int                `json:"scope_size"`
	DecidedBy  string             `json:"decided_by,omitempty"`
	DecidedAt  time.Time          `json:"decided_at,omitzero"`
	Reason     string             `json:"reason,omitempty"`
	// Items are the first 1,000 resources concerned; only in the answer for a single one.
	Items []Ref `json:"items,omitempty"`
}

// ReviewItem asks a person whether two resources are one.
type ReviewItem struct {
	ID         string               `json:"id"`
	Kind       string               `json:"kind"`
	Type       string               `json:"type" enum:"bridge,quarantine,conflict,duplicate" doc:"bridge: an identifier names both and is too weak to join them; quarantine: two connections of one plugin see it at things that cannot be one; conflict: what was joined contradicts itself; duplicate: a name or address in common"`
	State      string               `json:"state" enum:"open,merged,apart"`
	Identifier *resource.Identifier `json:"identifier,omitempty" doc:"What both have"`
	Detail     string               `json:"detail,omitempty" doc:"Why one should look, in words"`
	Resources  []ResourceHead       `json:"resources" doc:"The two, as they are now; one if they have become one, or if it contradicts itself"`
	Connection *Ref                 `json:"connection,omitempty" doc:"Whose reading brought it up; absent: another source"`
	ExternalID string               `json:"external_id,omitempty"`
	At         time.Time            `json:"at"`
	DecidedBy  string               `json:"decided_by,omitempty"`
	DecidedAt  time.Time            `json:"decided_at,omitzero"`
	Reason     string               `json:"reason,omitempty"`
}

// Decision approves or refuses.
type Decision struct {
	Reason string `json:"reason,omitempty"`
}

// Coverage says how far a list can be trusted: the strip above it.
type Coverage struct {
	// AsOf is the oldest moment at which every scope concerned was last complete; absent when one never was.
	AsOf       time.Time           `json:"as_of,omitzero"`
	Scopes     int                 `json:"scopes"`
	Complete   int                 `json:"complete"`
	Unwatched  int                 `json:"unwatched" doc:"Resources"`
	Held       int                 `json:"held" doc:"Removals waiting"`
	Exceptions []CoverageException `json:"exceptions,omitempty" doc:"The first 100"`
}

// CoverageException is a scope whose latest outcome is not complete.
type CoverageException struct {
	Connection   Ref                `json:"connection"`
	Kind         string             `json:"kind"`
	Partition    resource.Partition `json:"partition,omitempty"`
	Status       resource.Status    `json:"status"`
	Error        string             `json:"error,omitempty"`
	Advice       string             `json:"advice,omitempty"`
	RunID        string             `json:"run_id"`
	LastComplete time.Time          `json:"last_complete,omitzero"`
}

// Summary is the dashboard's counts.
type Summary struct {
	Kinds       []KindCount `json:"kinds"`
	Connections int         `json:"connections"`
	Agents      int         `json:"agents"`
	AgentsOn    int         `json:"agents_online"`
	Held        int         `json:"held_removals"`
	PendingKind int         `json:"pending_kinds"`
}

// KindCount counts a kind's resources by state.
type KindCount struct {
	Kind      string `json:"kind"`
	Active    int    `json:"active"`
	Gone      int    `json:"gone"`
	Unwatched int    `json:"unwatched"`
}

// KindInfo is a kind with its standing at this collector.
type KindInfo struct {
	schema.Kind
	// Approval is approved or pending; built-in kinds are approved.
	Approval string `json:"approval" enum:"approved,pending"`
	BuiltIn  bool   `json:"built_in"`
	// FilterFields are the names a filter may use, with their types.
	FilterFields []FilterField `json:"filter_fields"`
	// CommonFields are the leaves of the block that every kind has; their pointers begin with /common.
	CommonFields []schema.Field `json:"common_fields"`
	// Extensions are the fields that plugins add to a built-in kind, at /attributes/<provider>.
	Extensions []KindExtension `json:"extensions,omitempty"`
	// CustomFields are those that an administrator gave it: at /attributes/custom/<name>, of a custom kind at
	// /attributes/<name>. They are among the kind's fields.
	CustomFields []CustomField `json:"custom_fields,omitempty"`
}

// CustomField is a field that an administrator defines.
type CustomField struct {
	Name       string   `json:"name" maxLength:"63" doc:"In lower_snake" example:"rack_unit"`
	Label      string   `json:"label,omitempty" maxLength:"100"`
	Help       string   `json:"help,omitempty" maxLength:"1000"`
	Type       string   `json:"type" enum:"text,integer,number,boolean,moment,address,choice,list" doc:"list is of texts; moment is a date and time"`
	Choices    []string `json:"choices,omitempty" maxItems:"500" doc:"Of type choice"`
	Unit       string   `json:"unit,omitempty" maxLength:"30" doc:"Of numbers"`
	Column     bool     `json:"column,omitempty" doc:"Shown in lists"`
	Indexed    bool     `json:"indexed,omitempty" doc:"Filters by it are fast; at most 8 of a kind"`
	Searchable bool     `json:"searchable,omitempty" doc:"Text search finds its words"`
	Sensitive  bool     `json:"sensitive,omitempty" doc:"Needs its own permission to read; never filtered or exported"`
}

// CustomFieldsWrite are all custom fields that a kind has from now on.
type CustomFieldsWrite struct {
	Fields []CustomField `json:"fields" maxItems:"100"`
}

// CustomKindWrite defines a kind without a plugin, or changes it.
type CustomKindWrite struct {
	Name        string         `json:"name" maxLength:"63" doc:"In lower_snake and without a prefix: rack makes the kind custom.rack" example:"rack"`
	Label       string         `json:"label" maxLength:"100" example:"Rack"`
	Plural      string         `json:"plural,omitempty" maxLength:"100" example:"Racks"`
	Group       string         `json:"group,omitempty" enum:"compute,storage,network,data,business,other" doc:"Its place in the navigation"`
	Icon        string         `json:"icon,omitempty" maxLength:"60"`
	Summary     string         `json:"summary,omitempty" maxLength:"500"`
	Fields      []CustomField  `json:"fields,omitempty" maxItems:"100"`
	Identifiers map[string]int `json:"identifiers,omitempty" doc:"Types of identifiers with their ranks, such as serial: 1"`
	// Relations are named as filters, columns of files and forms call them.
	Relations []CustomRelation `json:"relations,omitempty" maxItems:"20"`
}

// CustomRelation is what records of a custom kind are related to. The other kind has the way back under this kind's plural.
type CustomRelation struct {
	Alias     string `json:"alias" maxLength:"63" example:"servers"`
	Verb      string `json:"verb" maxLength:"63" example:"contains"`
	Direction string `json:"direction,omitempty" enum:"out,in" doc:"Absent: out, from this kind to the other"`
	Target    string `json:"target" maxLength:"200" doc:"The other kind" example:"server"`
}

// KindExtension is the fields that one provider's plugin adds to a built-in kind. They are among the kind's fields.
type KindExtension struct {
	Provider string `json:"provider"`
	// PluginVersion declared them.
	PluginVersion string `json:"plugin_version"`
	// Approval is approved or pending; what waits has no index, no column and is not searched.
	Approval string `json:"approval" enum:"approved,pending"`
}

// FilterField is a name of the filter language.
type FilterField struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	Enum []string `json:"enum,omitempty"`
	Sort bool     `json:"sortable"`
}

// SignIn opens a session.
type SignIn struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Code     string `json:"code,omitempty" maxLength:"100" doc:"Of the second factor, or a recovery code; when it was asked for"`
}

// Session is who one is.
type Session struct {
	Username  string    `json:"username"`
	Tenant    string    `json:"tenant"`
	Role      string    `json:"role"`
	Actions   []string  `json:"actions" doc:"What the caller may do in the whole tenant; grants may allow more on single objects"`
	Somewhere []string  `json:"somewhere" doc:"What the caller may do in the whole tenant or on some object; a client offers it, and the collector decides"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Server facts the UI shows.
	Version string `json:"version"`
	Engine  string `json:"engine"`
	Demo    bool   `json:"demo,omitempty"`
	// EnrolFirst says that nothing is allowed before a second factor was set up.
	EnrolFirst bool `json:"enrol_first,omitempty"`
}

// Token is an API token; its secret is only in the answer to its creation.
type Token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	LastUsed  time.Time `json:"last_used,omitzero"`
	Secret    string    `json:"secret,omitempty"`
}

// TokenCreate asks for a token.
type TokenCreate struct {
	Name       string `json:"name" minLength:"1" maxLength:"100"`
	Role       string `json:"role" maxLength:"40" doc:"One that one holds oneself; none sees and does what is granted to the token"`
	TTLSeconds int64  `json:"ttl_seconds,omitempty" minimum:"0" doc:"0: no end"`
}

// Problem is the answer to what could not be done (RFC 9457).
type Problem struct {
	Type   string `json:"type,omitempty" doc:"A URI that names the sort of problem; absent for the plain meaning of the status"`
	Title  string `json:"title" doc:"The status in words"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty" doc:"What happened and what to do about it, for people"`
	// Errors say where in the request it lies.
	Errors []ProblemDetail `json:"errors,omitempty"`
	// Filter is set when a filter or an order could not be understood.
	Filter *FilterProblem `json:"filter,omitempty"`
	// CurrentVersion is set when If-Match named another version than the current one.
	CurrentVersion int64 `json:"current_version,omitempty"`
	// EarliestAsOf is set when as_of lies before the moment from which the past is kept.
	EarliestAsOf time.Time `json:"earliest_as_of,omitzero"`
	// RetryAfterSeconds is set when asking again later may do.
	RetryAfterSeconds int `json:"retry_after_seconds,omitempty"`
}

// PasswordChange sets one's own password.
type PasswordChange struct {
	CurrentPassword string `json:"current_password"`
	NewPassword     string `json:"new_password"`
}

// ProblemDetail is one thing that is wrong with a request.
type ProblemDetail struct {
	Message  string `json:"message,omitempty"`
	Location string `json:"location,omitempty" doc:"body.settings.url, query.filter ..."`
	Value    any    `json:"value,omitempty"`
}

// FilterProblem says where a filter or an order stops making sense.
type FilterProblem struct {
	// Parameter is filter or order_by.
	Parameter string `json:"parameter" enum:"filter,order_by"`
	// Position counts characters (Unicode code points) from 0; Byte counts bytes of UTF-8.
	Position int    `json:"position"`
	Byte     int    `json:"byte"`
	Length   int    `json:"length,omitempty" doc:"Characters concerned, when known"`
	Message  string `json:"message"`
	Expected string `json:"expected,omitempty"`
	// Suggestion is what was probably meant.
	Suggestion string `json:"suggestion,omitempty"`
}
