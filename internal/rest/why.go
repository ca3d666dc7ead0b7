package rest

import (
	"time"

	"maestro.internal/sdk/resource"
)

// Why answers why something is not where one looks for it: the way that it would have come, step by step.
type Why struct {
	Asked string `json:"asked" doc:"A name, an id, the value of an identifier, an address, or what a provider calls it"`
	Kind  string `json:"kind,omitempty"`
	// Verdict is ok when it is there after all.
	Verdict string `json:"verdict" enum:"ok,stops_here,cannot_tell"`
	// StopsAt is the step at which it most likely stopped.
	StopsAt   string        `json:"stops_at,omitempty"`
	Summary   string        `json:"summary" doc:"The answer in a sentence or two"`
	Resources []WhyResource `json:"resources,omitempty" doc:"What the inventory knows under the text; with how 'words', what is merely alike"`
	Steps     []WhyStep     `json:"steps"`
}

// WhyResource is something that the text leads to.
type WhyResource struct {
	Resource ResourceHead `json:"resource"`
	How      string       `json:"how" enum:"id,name,other name,identifier,address,external id,former name,words"`
	Detail   string       `json:"detail"`
	// Into is what it lives on as, when it was merged.
	Into   *Ref `json:"into,omitempty"`
	Pruned bool `json:"pruned,omitempty" doc:"Only its history is left"`
}

// WhyStep is one step of the way from the provider to the reader.
type WhyStep struct {
	Step    string `json:"step" enum:"inventory,connection,permission,run,spool,receipt,merge,access"`
	Verdict string `json:"verdict" enum:"ok,stops_here,cannot_tell"`
	Found   string `json:"found" doc:"What was found"`
	Advice  string `json:"advice,omitempty" doc:"What to do"`
	// Findings are the details; at most 20, those at which it stops first.
	Findings []WhyFinding `json:"findings,omitempty"`
	More     int          `json:"more,omitempty" doc:"Findings that are not shown"`
}

// WhyFinding is one thing that was found at a step.
type WhyFinding struct {
	Verdict    string             `json:"verdict" enum:"ok,stops_here,cannot_tell"`
	Connection *Ref               `json:"connection,omitempty"`
	Kind       string             `json:"kind,omitempty"`
	Partition  resource.Partition `json:"partition,omitempty"`
	Resource   *Ref               `json:"resource,omitempty"`
	RunID      string             `json:"run_id,omitempty"`
	At         time.Time          `json:"at,omitzero"`
	Text       string             `json:"text"`
	Advice     string             `json:"advice,omitempty"`
}

// ReferenceFile is a file of what the inventory knows without any source: until when products are supported, what sizes cost by list.
type ReferenceFile struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Date    time.Time `json:"date"`
	Entries int       `json:"entries"`
	Shipped bool      `json:"shipped" doc:"It came with the product; otherwise it is from the collector's reference folder"`
}

// Scope is a line of the coverage ledger: how one part of what a connection reads stands. It outlives runs.
type Scope struct {
	Connection Ref                `json:"connection"`
	Kind       string             `json:"kind"`
	Partition  resource.Partition `json:"partition,omitempty"`
	// Status is how it ended last; never when it was not tried yet.
	Status       string    `json:"status" enum:"complete,partial,denied,throttled,unreachable,unsupported,failed,not_tried,never"`
	Error        string    `json:"error,omitempty" doc:"The provider's own words"`
	Advice       string    `json:"advice,omitempty"`
	Listed       int       `json:"listed" doc:"Keys that it has"`
	Rejected     int       `json:"rejected" doc:"Keys that were not taken"`
	RunID        string    `json:"run_id,omitempty" doc:"The run that it ended in last"`
	LastComplete time.Time `json:"last_complete,omitzero"`
	Since        time.Time `json:"since" doc:"When it was planned first"`
	Planned      bool      `json:"planned"`
	PlanComplete bool      `json:"plan_complete" doc:"Whether the plan that has it knew of all there is"`
	Unwatched    string    `json:"unwatched,omitempty" doc:"Why what it has is not watched"`
}
