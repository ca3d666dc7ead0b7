package inventory

import (
	"time"

	"maestro.internal/sdk/resource"
)

// Verdict is the answer to a step of a push; the values are those of uplink.proto.
type Verdict string

// The verdicts.
const (
	// Done: nothing more is wanted; the run or capture is acknowledged.
	Done Verdict = "done"
	// Send: send the rest. The plan after OpenRun, the difference after OpenCapture, wanted bodies after a list.
	Send Verdict = "send"
	// List: send the (key, hash) list of the scope.
	List Verdict = "list"
	// Superseded: newer state is applied already; free it and forget its baseline.
	Superseded Verdict = "superseded"
	// Refused: not this agent's business.
	Refused Verdict = "refused"
	// Failed: the digest still differs after a list.
	Failed Verdict = "failed"
	// Retry: an error of the collector's own. Service never answers it: it returns an error, and ingest says retry.
	Retry Verdict = "retry"
)

// MappingRule sends what was read under a partition label elsewhere than to the connection's datacenter.
type MappingRule struct {
	Label      string `json:"label"`
	Value      string `json:"value"`
	Datacenter string `json:"datacenter,omitempty"`
	Client     string `json:"client,omitempty"`
}

// Connection is what the inventory needs to know of a connection.
type Connection struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Provider string `json:"provider"`
	AgentID  string `json:"agent_id,omitempty"`
	// Datacenter is the id of the default one; may be empty.
	Datacenter string        `json:"datacenter,omitempty"`
	Rules      []MappingRule `json:"rules,omitempty"`
	// Precedence orders connections when they differ on a field: the lower one wins. It is the moment of the
	// connection's creation in microseconds.
	Precedence int64 `json:"precedence"`
	// Preference comes before it: 1 to 1000, lower wins, 0 is the usual 500; KindPreference is of single kinds.
	Preference     int            `json:"preference,omitempty"`
	KindPreference map[string]int `json:"kind_preference,omitempty"`
}

// RunStart opens a run.
type RunStart struct {
	Tenant     string
	Connection Connection
	RunID      string
	Epoch      int64
	Generation int64
	Trigger    string
	// Kinds that the run was asked to read; empty is unknown, and then no missing scope is believed in.
	Kinds      []string
	StartedAt  time.Time
	FinishedAt time.Time
	// Root is set when the run is over and nothing changed as far as the agent knows.
	Root          []byte
	Scopes        int
	PluginVersion string
}

// Baseline is what an agent computes its difference against.
type Baseline struct {
	Epoch      int64
	Generation int64
	Digest     resource.Digest
}

// Capture announces one scope as read in the run.
type Capture struct {
	// Scope is its position in the plan.
	Scope   int
	Outcome resource.Outcome
	// Digest over what the agent knows to be in the scope. For one that is not complete and has no baseline: over
	// the keys it lists.
	Digest       resource.Digest
	Fingerprint  []byte
	HashFormat   int
	KindDigest   []byte
	PolicyDigest []byte
	// Baseline is nil when there is none.
	Baseline *Baseline
	ReadAt   time.Time
}

// Item is one resource on its way in.
type Item struct {
	Canonical []byte
	Hash      []byte
	Volatile  []byte
}

// Row is a line of a (key, hash) list.
type Row struct {
	Key  string
	Hash []byte
}

// Batch is a part of a capture.
type Batch struct {
	Scope   int
	Seq     int64
	Upserts []Item
	Removed []string
	// List rows are sorted by key over the whole list.
	List []Row
	// Buckets are the parts of the scope that the list speaks of; nil is all of it.
	Buckets *resource.BucketSet
	// Last ends the difference, the list, or the wanted bodies.
	Last bool
}

// Rejection is an item that was not taken, and why.
type Rejection struct {
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

// BatchResult answers a Batch. Verdict is empty unless the batch was the last.
type BatchResult struct {
	Rejected []Rejection
	Warnings []string
	// Want are keys whose bodies are asked for; with a list.
	Want    []string
	Verdict Verdict
	Reason  string
	// Index is the scope's new baseline, after Done of a capture that was not complete.
	Index []Row
}

// RunEnd closes a run.
type RunEnd struct {
	FinishedAt time.Time
	// Error is set when the run ended early.
	Error string
	Log   []string
}

// RunRequest asks for a run: a queued row that the agent's RunOpen or Progress picks up.
type RunRequest struct {
	Tenant     string
	Connection Connection
	// RunID is made when it is empty.
	RunID   string
	Kinds   []string
	Trigger string
}

// RunProgress is news of a run that goes on.
type RunProgress struct {
	Tenant      string
	RunID       string
	Connection  Connection
	ScopesTotal int
	ScopesDone  int
	Listed      int64
	Phase       string
	StartedAt   time.Time
	Trigger     string
	Kinds       []string
	Log         []string
}
