package rest

import (
	"encoding/json"
	"time"

	"maestro.internal/sdk/provider"
)

// SealedCredential says how the credential of a connection stands that people sealed to its site's agents, and what is
// needed to seal another. The values are nowhere in it: the collector does not have them.
type SealedCredential struct {
	ID         string `json:"id" doc:"That of the connection"`
	Connection Ref    `json:"connection"`
	Provider   string `json:"provider"`
	Agent      *Ref   `json:"agent,omitempty" doc:"The agent that runs the connection"`
	State      string `json:"state" enum:"none,ready,waiting,reenter" doc:"none: nothing is sealed; ready: the agent can open it; waiting: another agent is about to give it the key; reenter: nobody can open it, or it is sealed for another place"`
	Reason     string `json:"reason,omitempty" doc:"Why it waits or has to be entered again, and what to do"`
	// What is sealed.
	Variables   []string        `json:"variables,omitempty" doc:"Names of the sealed values"`
	SealedAt    time.Time       `json:"sealed_at,omitzero"`
	SealedBy    string          `json:"sealed_by,omitempty"`
	OpenedBy    []SealRecipient `json:"opened_by,omitempty" doc:"Who can open it"`
	Recoverable bool            `json:"recoverable,omitempty" doc:"The offline recovery key can open it"`
	Advice      string          `json:"advice,omitempty" doc:"Such as to change a password that a revoked agent could open"`
	CheckedAt   time.Time       `json:"checked_at,omitzero" doc:"When the agent had found that it works, before it was used; absent for one that was used without a check"`
	AgeDays     int             `json:"age_days,omitempty" doc:"Whole days since it was entered"`
	RotateBy    time.Time       `json:"rotate_by,omitzero" doc:"When it is due to be rotated, if the tenant has said after how many days"`
	Due         bool            `json:"due,omitempty" doc:"It is older than the tenant wants"`
	// Candidate is a new credential that is not used yet.
	Candidate *SealedCandidate `json:"candidate,omitempty" doc:"A new credential that is used once the agent has found that it works"`
	// What to seal another one with.
	Tenant     string          `json:"tenant"`
	Targets    json.RawMessage `json:"targets" doc:"Settings that say where the values are sent, by JSON pointer; they are bound to"`
	Wanted     []SealVariable  `json:"wanted" doc:"Variables that the plugin takes from a sealed credential"`
	Recipients []SealRecipient `json:"recipients" doc:"Whom to seal to"`
}

// SealedCandidate is a new credential, kept beside the one in use until the connection's agent has found that everything may be read with it.
type SealedCandidate struct {
	State     string                `json:"state" enum:"checking,refused" doc:"checking: its agent has been asked; refused: it does not work, and the one in use stays"`
	Variables []string              `json:"variables" doc:"Names of the sealed values"`
	SealedAt  time.Time             `json:"sealed_at"`
	SealedBy  string                `json:"sealed_by"`
	AskedAt   time.Time             `json:"asked_at" doc:"When the agent was asked last"`
	CheckedAt time.Time             `json:"checked_at,omitzero" doc:"When it answered"`
	Error     string                `json:"error,omitempty" doc:"Why it was refused, in the provider's own words where it said something; while it is checked: what it waits for"`
	Report    *provider.CheckReport `json:"report,omitempty" doc:"What was checked, and the policy to paste that would grant what is missing"`
}

// CredentialRotation is after how long a tenant wants its sealed credentials to be rotated.
type CredentialRotation struct {
	EveryDays int       `json:"every_days" minimum:"0" maximum:"3650" doc:"0 for no reminder"`
	SetAt     time.Time `json:"set_at,omitzero" readOnly:"true"`
	SetBy     string    `json:"set_by,omitempty" readOnly:"true"`
}

// CredentialRotationWrite sets it.
type CredentialRotationWrite struct {
	EveryDays int `json:"every_days" minimum:"0" maximum:"3650" doc:"0 for no reminder"`
}

// SealVariable is a value that a plugin understands.
type SealVariable struct {
	Name   string `json:"name"`
	Title  string `json:"title,omitempty" doc:"What people call the value, if its plugin says so"`
	Help   string `json:"help,omitempty"`
	Secret bool   `json:"secret,omitempty"`
}

// SealRecipient is a key that credentials are sealed to.
type SealRecipient struct {
	Fingerprint string `json:"fingerprint" doc:"As maestro-agent status shows it, to be compared"`
	Name        string `json:"name"`
	Type        string `json:"type" enum:"agent,recovery"`
	Agent       string `json:"agent,omitempty" doc:"Its id"`
	Key         []byte `json:"key" doc:"Public key: an uncompressed point of the curve P-256"`
}

// SealedEnvelope is what comes out of sealing; docs/protocol.md describes it.
type SealedEnvelope struct {
	Header     string       `json:"header" maxLength:"32768" doc:"JSON text; its very bytes are bound"`
	Ciphertext []byte       `json:"ciphertext"`
	Wraps      []SealedWrap `json:"wraps" minItems:"1" maxItems:"256"`
}

// SealedWrap is the key of an envelope for one recipient.
type SealedWrap struct {
	Recipient string `json:"recipient" maxLength:"64"`
	Data      []byte `json:"data"`
}

// SealedMany is for entering one credential for many connections: each has an envelope of its own.
type SealedMany struct {
	Check bool         `json:"check,omitempty" doc:"Use each only once its agent has found that it works; what is in use stays until then"`
	Items []SealedItem `json:"items" minItems:"1" maxItems:"200"`
}

// SealedItem is one of them.
type SealedItem struct {
	Connection string         `json:"connection" maxLength:"200"`
	Envelope   SealedEnvelope `json:"envelope"`
}

// SealedResults say of each connection how it went.
type SealedResults struct {
	Items []SealedResult `json:"items"`
}

// SealedResult is one of them.
type SealedResult struct {
	Connection string `json:"connection"`
	OK         bool   `json:"ok"`
	Error      string `json:"error,omitempty"`
}

// SealedWraps are keys for further recipients, from whoever could open the envelope: the holder of the recovery key.
type SealedWraps struct {
	HeaderDigest []byte       `json:"header_digest" doc:"SHA-256 of the header"`
	Wraps        []SealedWrap `json:"wraps" minItems:"1" maxItems:"256"`
}

// RecoveryKey is the public half of the key that is kept offline.
type RecoveryKey struct {
	Key         []byte    `json:"key,omitempty" doc:"Public key: an uncompressed point of the curve P-256; absent while there is none"`
	Fingerprint string    `json:"fingerprint,omitempty" readOnly:"true"`
	SetAt       time.Time `json:"set_at,omitzero" readOnly:"true"`
	SetBy       string    `json:"set_by,omitempty" readOnly:"true"`
}

// RecoveryKeyWrite sets it.
type RecoveryKeyWrite struct {
	Key []byte `json:"key" doc:"Public key: an uncompressed point of the curve P-256"`
}
