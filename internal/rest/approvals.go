package rest

import "time"

// Approval is a question that somebody decides before something is done.
type Approval struct {
	ID    string `json:"id"`
	Kind  string `json:"kind" enum:"removal,plugin_kind,bulk_edit,merge,agent_enrolment"`
	State string `json:"state" enum:"pending,approved,refused,expired,withdrawn,failed" doc:"failed: it was approved and could not be carried out as it was asked"`
	Title string `json:"title" doc:"What would be done, in one line"`
	// Subject is the held removal, kind or operation.
	Subject string `json:"subject" doc:"What is decided: id of the held removal, name of the kind with a digest, id of the operation, digest of what is merged or split, id of the agent"`
	Refs    []Ref  `json:"refs,omitempty" doc:"The first of what it concerns"`
	Count   int    `json:"count" doc:"How much it concerns; of a bulk edit: how many resources it changes"`
	// RequestedBy is system for what waits by itself.
	RequestedBy string             `json:"requested_by"`
	RequestedAt time.Time          `json:"requested_at"`
	Reason      string             `json:"reason,omitempty"`
	ExpiresAt   time.Time          `json:"expires_at,omitzero" doc:"Absent: it waits until it is decided"`
	Needed      int                `json:"needed" doc:"How many people have to approve"`
	Approvals   int                `json:"approvals" doc:"How many have"`
	Decisions   []ApprovalDecision `json:"decisions,omitempty"`
	// Deciders narrow who decides among those who may do the thing itself.
	Deciders  []Ref     `json:"deciders,omitempty" doc:"Roles and teams that decide; absent: everybody who may do the thing itself"`
	MayDecide bool      `json:"may_decide"`
	WhyNot    string    `json:"why_not,omitempty" doc:"Why the caller cannot decide it"`
	Settled   bool      `json:"settled" doc:"What follows from the state was carried out"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Problem   string    `json:"problem,omitempty" doc:"Why it failed, or why it ended without a decision"`
	Operation string    `json:"operation,omitempty" doc:"The operation that waits for it, with a preview of what it does"`
	// Edit says what a bulk edit does.
	Edit *ApprovalEdit `json:"edit,omitempty"`
	// Enrolment says who waits to be let in.
	Enrolment *ApprovalEnrolment `json:"enrolment,omitempty"`
}

// ApprovalEnrolment is an agent that waits, as it was when it first came. What it says of itself is not proven; the fingerprint is.
type ApprovalEnrolment struct {
	Name        string `json:"name"`
	Site        string `json:"site,omitempty" doc:"As the join token says"`
	Fingerprint string `json:"fingerprint" doc:"SHA-256 of the agent's key, which its log says too"`
	Hostname    string `json:"hostname,omitempty"`
	Version     string `json:"version,omitempty"`
	OS          string `json:"os,omitempty"`
	Arch        string `json:"arch,omitempty"`
	Address     string `json:"address,omitempty" doc:"Where it came from"`
}

// ApprovalDecision is one person's word.
type ApprovalDecision struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict" enum:"approve,refuse"`
	Reason  string    `json:"reason,omitempty"`
}

// ApprovalEdit is a bulk edit that waits.
type ApprovalEdit struct {
	Kind   string `json:"kind"`
	Filter string `json:"filter"`
	Found  int    `json:"found" doc:"How many resources it looks at; the approval's count is how many of them it changes"`
	// Set and Changes leave out what is sensitive, where the caller may not read that.
	Fields  []string          `json:"fields,omitempty" doc:"JSON pointers that are set"`
	Set     []ApprovalField   `json:"set,omitempty" doc:"What these become, without those that the caller may not read"`
	Reset   []string          `json:"reset,omitempty" doc:"JSON pointers that are handed back to discovery"`
	Changes []OperationChange `json:"changes,omitempty" doc:"What becomes of the first of them, field by field, as it was when it was asked; after it was carried out, as it became. Only in the answer for one approval"`
}

// ApprovalField is what a field becomes.
type ApprovalField struct {
	Pointer string `json:"pointer"`
	Value   any    `json:"value" doc:"null hides what was discovered"`
	Name    string `json:"name,omitempty" doc:"Name of the datacenter that value is the id of"`
}

// ApprovalRules say what a tenant wants to have approved, and by whom.
type ApprovalRules struct {
	Version   int64          `json:"version" doc:"0: nobody has changed them"`
	Items     []ApprovalRule `json:"items"`
	UpdatedBy string         `json:"updated_by,omitempty"`
	UpdatedAt time.Time      `json:"updated_at,omitzero"`
}

// ApprovalRulesWrite replaces the rules; kinds that are not named get the defaults.
type ApprovalRulesWrite struct {
	Items  []ApprovalRule `json:"items" maxItems:"10"`
	Reason string         `json:"reason,omitempty" maxLength:"1000"`
}

// ApprovalRule is the rule of one kind.
type ApprovalRule struct {
	Kind string `json:"kind" enum:"removal,plugin_kind,bulk_edit,merge,agent_enrolment"`
	// Required is always true of removal and plugin_kind.
	Required           bool     `json:"required" doc:"Whether it is asked at all; always so of removal and plugin_kind"`
	Over               int      `json:"over,omitempty" minimum:"0" maximum:"1000000" doc:"Of bulk_edit: so many resources may be edited without asking"`
	ExpiresAfterHours  int      `json:"expires_after_hours" minimum:"0" maximum:"87840" doc:"After which nobody can decide it any more and everything stays as it is; 0: never"`
	Persons            int      `json:"persons" minimum:"1" maximum:"2" doc:"How many people have to approve"`
	RequesterMayDecide bool     `json:"requester_may_decide" doc:"Whether who asked counts too"`
	Roles              []string `json:"roles,omitempty" maxItems:"100" doc:"Only people of these roles and teams decide; absent both: everybody who may do the thing itself"`
	Teams              []string `json:"teams,omitempty" maxItems:"100" doc:"Ids of teams"`
}
