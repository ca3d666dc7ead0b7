package rest

import (
	"encoding/json"
	"time"
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
	// What to seal another one with.
	Tenant     string          `json:"tenant"`
	Targets    json.RawMessage `json:"targets" doc:"Settings that say where the values are sent, by JSON pointer; they are bound to"`
	Wanted     []SealVariable  `json:"wanted" doc:"Variables that the plugin takes from a sealed credential"`
	Recipients []SealRecipient `json:"recipients" doc:"Whom to seal to"`
}

// SealVariable is a value that a plugin understands.
type SealVariable struct {
	Name   string `json:"name"`
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
