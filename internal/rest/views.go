package rest

import "time"

// View is a list that somebody saved: its filter, order and columns.
type View struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	ViewWrite
	Owner     string    `json:"owner" doc:"Who made it, as in the audit log"`
	Mine      bool      `json:"mine" doc:"Whether the caller made it"`
	Editable  bool      `json:"editable" doc:"Whether the caller may edit it"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by,omitempty"`
}

// ViewWrite is what people say of a view.
type ViewWrite struct {
	Kind        string `json:"kind" minLength:"1" maxLength:"200"`
	Name        string `json:"name" minLength:"1" maxLength:"100"`
	Description string `json:"description,omitempty" maxLength:"1000"`
	Shared      bool   `json:"shared,omitempty" doc:"Seen by everybody of the tenant; needs the right to share"`
	Filter      string `json:"filter,omitempty" maxLength:"8192"`
	OrderBy     string `json:"order_by,omitempty" maxLength:"1000"`
	// Columns in their order; the first Pinned of them stay in sight.
	Columns []string `json:"columns,omitempty" maxItems:"100" doc:"Names of columns in their order; absent: the usual ones"`
	Pinned  int      `json:"pinned,omitempty" minimum:"0" maximum:"5" doc:"How many columns after the name stay in sight when the table is moved"`
	// ManagedBy is not changed by edits: who made a thing does not change.
	ManagedBy string `json:"managed_by,omitempty" maxLength:"100" doc:"Set of documents that made it and keeps it (maestro apply); only looked at when it is made"`
}
