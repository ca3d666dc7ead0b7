package rest

import "time"

// The documents of live events, by the name of the event. An event says what to read again, and for few things which.

// HelloEvent begins a stream: from here on all is told.
type HelloEvent struct {
	At time.Time `json:"at"`
	// HeartbeatSeconds is how often a heartbeat comes when there is nothing else.
	HeartbeatSeconds int `json:"heartbeat_seconds"`
}

// HeartbeatEvent says that nothing happened, and that the stream still stands.
type HeartbeatEvent struct {
	At time.Time `json:"at"`
}

// ResetEvent says that something was not told: what is shown is to be read again.
type ResetEvent struct {
	Reason string `json:"reason"`
}

// ResourcesEvent says that resources of a kind changed. Resources are named when there are few.
type ResourcesEvent struct {
	Kind      string          `json:"kind"`
	Count     int             `json:"count" doc:"Changes, of all of which the resources named are the newest"`
	Resources []ResourceEvent `json:"resources,omitempty" doc:"Absent when there are many"`
}

// ResourceEvent is a resource that changed.
type ResourceEvent struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version int64  `json:"version"`
	State   string `json:"state"`
	Action  string `json:"action"`
}

// RunsEvent has the runs that moved; absent, any of them may have.
type RunsEvent struct {
	Runs []RunEvent `json:"runs,omitempty"`
}

// RunEvent is how far a run is.
type RunEvent struct {
	ID          string `json:"id"`
	Connection  Ref    `json:"connection"`
	State       string `json:"state"`
	Phase       string `json:"phase,omitempty"`
	ScopesTotal int    `json:"scopes_total"`
	ScopesDone  int    `json:"scopes_done"`
	Listed      int64  `json:"listed"`
	Created     int    `json:"created"`
	Updated     int    `json:"updated"`
	Gone        int    `json:"gone"`
}

// ConnectionsEvent has the connections whose health or settings changed; absent, any of them may have.
type ConnectionsEvent struct {
	Connections []StandingEvent `json:"connections,omitempty"`
}

// AgentsEvent has the agents whose status changed; absent, any of them may have.
type AgentsEvent struct {
	Agents []StandingEvent `json:"agents,omitempty"`
}

// StandingEvent is how a connection or an agent stands; an empty status says that it is no more.
type StandingEvent struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

// NotificationsEvent counts the notifications that the listener has not read, soon after the stream begins and when it is another number.
type NotificationsEvent struct {
	Unread int `json:"unread" doc:"Up to 1,000 are counted"`
}

// ReviewsEvent counts what waits for a person, as soon as that is another number; absent, it may be.
type ReviewsEvent struct {
	HeldRemovals *int `json:"held_removals,omitempty"`
	OpenReviews  *int `json:"open_reviews,omitempty"`
}
