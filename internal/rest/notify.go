package rest

import "time"

// The events that people can be told of.
const (
	EventResources = "resources"
	EventRuns      = "runs"
	EventRemovals  = "removals"
	EventApprovals = "approvals"
	EventAgents    = "agents"
	EventDates     = "dates"
	// EventCertificates is of Maestro's own: the agents' and that of the web UI.
	EventCertificates = "certificates"
	// EventCredentials is of sealed ones that are to be rotated.
	EventCredentials = "credentials"
)

// Subscription says what somebody wants to be told, and how.
type Subscription struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	SubscriptionWrite
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Problem is there while it cannot work.
	Problem string `json:"problem,omitempty" doc:"Why it tells nothing at present, such as a filter whose field is no more"`
	// WebhookSecret is shown when a webhook is new.
	WebhookSecret string `json:"webhook_secret,omitempty" doc:"Verifies the signature of what the webhook gets; shown once, when the webhook was added or its secret renewed"`
}

// SubscriptionWrite is what people say of a subscription.
type SubscriptionWrite struct {
	Name  string `json:"name" minLength:"1" maxLength:"100"`
	Event string `json:"event" enum:"resources,runs,removals,approvals,agents,dates,certificates,credentials" doc:"resources: things that came, went or changed; runs: runs that failed; removals: removals that wait for a person; approvals: what one can decide, and how it ended; agents: agents that went silent; dates: a date of a resource comes near; certificates: that of an agent which does not renew it, or of the web UI, ends soon; credentials: a sealed one is older than the tenant wants, or soon will be"`
	// Kind and Filter narrow resources and dates.
	Kind   string `json:"kind,omitempty" maxLength:"200" doc:"Of resources and dates: only those of this kind; dates need one"`
	Filter string `json:"filter,omitempty" maxLength:"8192" doc:"Of resources and dates: only those that the filter finds as they are now; needs a kind"`
	// Actions narrow resources and runs.
	Actions []string `json:"actions,omitempty" maxItems:"10" doc:"Of resources: created, updated, gone, returned, merged, split (absent: created and gone). Of runs: failed, partial (absent: both). Of approvals: asked, approved, refused, expired, withdrawn, failed (absent: asked)"`
	// Connection narrows runs and removals.
	Connection string `json:"connection,omitempty" maxLength:"200" doc:"Of runs and removals: only those of the connection with this id"`
	// Field is of dates, Days of dates, certificates and credentials.
	Field string `json:"field,omitempty" maxLength:"300" example:"common.end_of_support" doc:"Of dates: the field that holds the date"`
	Days  int    `json:"days,omitempty" minimum:"0" maximum:"3650" doc:"Of dates, certificates and credentials: how many days before (without it certificates: 30, credentials: on the day)"`
	// Mail and Webhook are ways beside the notification centre.
	Mail    bool   `json:"mail,omitempty" doc:"Send an e-mail too"`
	Webhook string `json:"webhook,omitempty" maxLength:"2000" doc:"Address that gets a signed POST too"`
	Paused  bool   `json:"paused,omitempty"`
}

// Notification tells its reader that something happened that he subscribed to.
type Notification struct {
	ID           string    `json:"id"`
	At           time.Time `json:"at"`
	Event        string    `json:"event" enum:"resources,runs,removals,approvals,agents,dates,certificates,credentials,test"`
	Subscription Ref       `json:"subscription"`
	// Count is of everything, Items are the first of them.
	Count int                `json:"count" doc:"How many things it is about; items has the first 50 of them"`
	Items []NotificationItem `json:"items"`
	// Text says it in words.
	Title      string                 `json:"title" doc:"What happened, in one line, in the language that Accept-Language asks for or the profile has; webhooks get English"`
	Read       bool                   `json:"read"`
	Deliveries []NotificationDelivery `json:"deliveries,omitempty" doc:"What became of it by e-mail and webhook"`
}

// NotificationItem is one thing that a notification is about.
type NotificationItem struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind" doc:"Kind of resource; or run, removal, approval, agent, collector, connection"`
	Name   string    `json:"name"`
	Action string    `json:"action" doc:"created, gone ...; failed, partial; held; asked, approved, refused, expired, withdrawn; offline, online; due"`
	Detail string    `json:"detail,omitempty" doc:"The error, the reason or the date"`
	At     time.Time `json:"at"`
}

// NotificationDelivery is the way of one notification by e-mail or webhook.
type NotificationDelivery struct {
	Channel  string    `json:"channel" enum:"mail,webhook"`
	State    string    `json:"state" enum:"waiting,sent,failed"`
	Attempts int       `json:"attempts"`
	NextAt   time.Time `json:"next_at,omitzero" doc:"When it is tried again"`
	Error    string    `json:"error,omitempty"`
}

// NotificationsRead says which notifications were read.
type NotificationsRead struct {
	IDs []string `json:"ids,omitempty" maxItems:"1000" doc:"Those of the list; absent: all"`
	// Unread turns it round.
	Unread bool `json:"unread,omitempty" doc:"Mark as not read"`
}

// NotificationCount is the number beside the bell.
type NotificationCount struct {
	Unread int `json:"unread" doc:"Exact up to 1,000"`
}
