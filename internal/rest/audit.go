package rest

import "time"

// AuditVerify asks for a verification of the history.
type AuditVerify struct {
	Expect []string `json:"expect,omitempty" maxItems:"1000" doc:"Hashes of checkpoints, kept elsewhere, that must be there"`
}

// AuditVerification is what a verification of the history found.
type AuditVerification struct {
	OK          bool           `json:"ok"`
	Entries     int            `json:"entries" doc:"Changes and audit entries that were read"`
	Sealed      int            `json:"sealed" doc:"How many of them a checkpoint closes; the newest wait for one"`
	Purged      int            `json:"purged" doc:"Entries that were purged as the settings say, and whose hashes are kept"`
	Checkpoints int            `json:"checkpoints"`
	Findings    []AuditFinding `json:"findings"`
	More        bool           `json:"more" doc:"There are more findings than are listed"`
	Heads       []AuditHead    `json:"heads" doc:"The newest checkpoints; kept elsewhere, their hashes prove later that the end was not cut off"`
}

// AuditFinding is an entry that was removed, edited or put in.
type AuditFinding struct {
	Stream  string    `json:"stream" enum:"changes,audit"`
	ID      string    `json:"id" doc:"Of the change or audit entry, or checkpoint <number>"`
	At      time.Time `json:"at,omitzero"`
	Problem string    `json:"problem"`
}

// AuditHead is the newest checkpoint of a stream.
type AuditHead struct {
	Stream string    `json:"stream"`
	Number int64     `json:"number"`
	Hash   string    `json:"hash"`
	Until  time.Time `json:"until" doc:"The moment of the last entry that is sealed"`
}

// AuditEntry is anything anyone did.
type AuditEntry struct {
	ID      string         `json:"id"`
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor"`
	Action  string         `json:"action" doc:"verb.object: sign_in, connection.update, run.request ..."`
	Object  *Ref           `json:"object,omitempty"`
	Outcome string         `json:"outcome" enum:"ok,refused,failed,pending"`
	Address string         `json:"address,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Detail  map[string]any `json:"detail,omitempty"`
}
