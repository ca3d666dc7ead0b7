package rest

import "time"

// PluginVersions say of a plugin and a group of agents which versions there are, which is pinned, and which they run.
type PluginVersions struct {
	ID       string    `json:"id"`
	Provider string    `json:"provider"`
	Group    string    `json:"group" doc:"Empty for agents without a group; its pin holds for groups without one of their own too"`
	Agents   int       `json:"agents" doc:"Agents of the group that have the plugin"`
	Pinned   string    `json:"pinned,omitempty" doc:"Absent where each agent runs the one that it prefers"`
	Previous string    `json:"previous,omitempty" doc:"Pinned before: what a rollback goes back to"`
	SetAt    time.Time `json:"set_at,omitzero"`
	SetBy    string    `json:"set_by,omitempty"`
	// Versions at hand.
	Versions []PluginVersion `json:"versions"`
	Lacking  []PluginLack    `json:"lacking,omitempty" doc:"Agents that do not have what they should run, and go on with another"`
	Rollout  *PluginRollout  `json:"rollout,omitempty" doc:"The latest one"`
}

// PluginVersion is a version at hand.
type PluginVersion struct {
	Version string `json:"version"`
	Agents  []Ref  `json:"agents" doc:"That have it"`
	Running []Ref  `json:"running" doc:"That run it from their next runs on"`
}

// PluginLack is an agent that does not have the version that it should run.
type PluginLack struct {
	Agent   Ref    `json:"agent"`
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// PluginRollout is a version that some agents run first.
type PluginRollout struct {
	Version   string    `json:"version"`
	State     string    `json:"state" enum:"canary,paused,done,rolled_back"`
	Canaries  []Ref     `json:"canaries"`
	Runs      int       `json:"runs" doc:"Runs that each canary has to end well"`
	Good      int       `json:"good" doc:"Runs that ended well, of the canary that is behind"`
	StartedAt time.Time `json:"started_at"`
	StartedBy string    `json:"started_by"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Reason    string    `json:"reason,omitempty" doc:"Why it was rolled back"`
	RunID     string    `json:"run_id,omitempty" doc:"The run that ended it"`
}

// PluginPin has a group run one version.
type PluginPin struct {
	Group    string `json:"group,omitempty" maxLength:"100"`
	Provider string `json:"provider" minLength:"1" maxLength:"100"`
	Version  string `json:"version,omitempty" maxLength:"200" doc:"Empty leaves it to each agent"`
	Reason   string `json:"reason,omitempty" maxLength:"1000"`
}

// PluginRolloutWrite begins a rollout.
type PluginRolloutWrite struct {
	Group        string   `json:"group,omitempty" maxLength:"100"`
	Provider     string   `json:"provider" minLength:"1" maxLength:"100"`
	Version      string   `json:"version" minLength:"1" maxLength:"200"`
	Canaries     []string `json:"canaries,omitempty" maxItems:"1000" doc:"Agents that run it first, by id; without them a share"`
	SharePercent int      `json:"share_percent,omitempty" minimum:"0" maximum:"100" doc:"Of the agents that have it and run connections with it; 10 when it is not said, and at least one agent"`
	Runs         int      `json:"runs,omitempty" minimum:"0" maximum:"1000" doc:"Runs that each of them has to end well; 3 when it is not said"`
	Reason       string   `json:"reason,omitempty" maxLength:"1000"`
}

// PluginDecision is about the rollout, or the pin, of a plugin for a group.
type PluginDecision struct {
	Group    string `json:"group,omitempty" maxLength:"100"`
	Provider string `json:"provider" minLength:"1" maxLength:"100"`
	Reason   string `json:"reason,omitempty" maxLength:"1000"`
}

// AgentGroup puts an agent into a group.
type AgentGroup struct {
	Group string `json:"group" maxLength:"100" doc:"Empty takes it out"`
}
