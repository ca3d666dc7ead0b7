package rest

import (
	"time"

	"maestro.internal/sdk/resource"
)

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

// RunRequest asks for a run now.
type RunRequest struct {
	Kinds []string `json:"kinds,omitempty" doc:"Absent: all enabled kinds"`
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

// KindCoverage is the coverage of one kind.
type KindCoverage struct {
	Kind string `json:"kind"`
	Coverage
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
