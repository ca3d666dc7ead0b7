package rest

import "time"

// ConnectionHealth is a line of the health matrix: how each kind that a connection reads stands.
type ConnectionHealth struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Provider   string       `json:"provider"`
	Datacenter *Ref         `json:"datacenter,omitempty"`
	Agent      *Ref         `json:"agent,omitempty"`
	Health     string       `json:"health" enum:"ok,degraded,failing,never,paused,no_agent"`
	Kinds      []KindHealth `json:"kinds" doc:"What is switched on, by name"`
}

// KindHealth is how a kind of a connection stands, over all its scopes.
type KindHealth struct {
	Kind         string     `json:"kind"`
	Status       string     `json:"status" doc:"The worst outcome among the scopes: complete, partial, denied, throttled, unreachable, unsupported, failed, not_tried, or never for what was never read"`
	Scopes       int        `json:"scopes" doc:"Those of the latest plan"`
	Complete     int        `json:"complete" doc:"Those of them that were read to their end last time"`
	Listed       int        `json:"listed"`
	Rejected     int        `json:"rejected"`
	LastComplete *time.Time `json:"last_complete,omitempty" doc:"When the kind was last read to its end everywhere: of its scopes the one that was so longest ago; absent while one never was"`
	Late         bool       `json:"late,omitempty" doc:"The last complete read is older than two of its intervals"`
	RunID        string     `json:"run_id,omitempty" doc:"The latest run of the worst scope"`
	Error        string     `json:"error,omitempty"`
	Advice       string     `json:"advice,omitempty"`
}
