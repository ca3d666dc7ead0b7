package rest

import "time"

// Difference is one resource at two moments; what changed and changed back in between is none.
type Difference struct {
	ID            string        `json:"id"`
	Kind          string        `json:"kind"`
	Name          string        `json:"name"`
	Action        string        `json:"action" enum:"none,created,updated,gone,returned,unwatched,merged" doc:"What happened on the whole"`
	StateBefore   string        `json:"state_before,omitempty" doc:"Absent when it was not there yet"`
	StateAfter    string        `json:"state_after,omitempty"`
	VersionBefore int64         `json:"version_before" doc:"0 when it was not there yet"`
	VersionAfter  int64         `json:"version_after"`
	Changes       int           `json:"changes" doc:"How many changes lie between the two moments"`
	At            time.Time     `json:"at,omitzero" doc:"When the last of them was committed"`
	Diff          []FieldChange `json:"diff,omitempty"`
}
