package rest

import "time"

// Picture is one of a user or a team, or a tenant's logo. Another picture has another id, so a content never changes.
type Picture struct {
	ID          string    `json:"id" doc:"For GET /pictures/{id}"`
	OwnerKind   string    `json:"owner_kind" enum:"user,team,tenant"`
	Owner       string    `json:"owner" doc:"User name in lower case, or id"`
	ContentType string    `json:"content_type"`
	SizeBytes   int64     `json:"size_bytes"`
	UploadedAt  time.Time `json:"uploaded_at"`
}
