package rest

import (
	"time"

	"maestro.internal/sdk/provider"
)

// Agent is a process installed in a network.
type Agent struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Site        string          `json:"site,omitempty"`
	Group       string          `json:"group,omitempty" doc:"What people put it into; versions of plugins are decided for groups"`
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
