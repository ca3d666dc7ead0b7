package rest

import (
	"time"

	"maestro.internal/sdk/resource"
)

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
	Approval   string               `json:"approval,omitempty" doc:"Of the answer to a decision: the approval that it waits for; nothing is done until then"`
}

// Decision approves or refuses.
type Decision struct {
	Reason string `json:"reason,omitempty"`
}
