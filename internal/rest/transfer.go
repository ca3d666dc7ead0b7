package rest

import (
	"time"
)

// ImportMapping says which column of a file is which field of a kind.
type ImportMapping struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	BuiltIn bool   `json:"built_in" doc:"Ships with the product and cannot be edited; save a copy under another name"`
	ImportMappingWrite
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	UpdatedBy string    `json:"updated_by,omitempty"`
}

// ImportMappingWrite is what people say of a mapping.
type ImportMappingWrite struct {
	Name        string `json:"name" minLength:"1" maxLength:"100"`
	Description string `json:"description,omitempty" maxLength:"1000"`
	Kind        string `json:"kind" maxLength:"200"`
	// Key is how a row finds its resource.
	Key        string               `json:"key,omitempty" maxLength:"300" doc:"auto (id, then identifiers, then name), id, identifier, name, or a text field of the kind" example:"attributes.hostname"`
	Columns    []ImportColumn       `json:"columns" maxItems:"1000"`
	Defaults   map[string]string    `json:"defaults,omitempty" doc:"Field -> value of rows that say nothing of it"`
	ClearEmpty bool                 `json:"clear_empty,omitempty" doc:"An empty cell hands the field back to discovery; otherwise it leaves it alone"`
	Unknown    ImportUnknownColumns `json:"unknown,omitempty" enum:"refuse,ignore" doc:"What to do with columns that are not mapped and are no field; refuse is the default"`
}

// ImportUnknownColumns is refuse or ignore.
type ImportUnknownColumns string

// ImportColumn maps one column. Several columns may feed one field; the first that says something wins.
type ImportColumn struct {
	Column string `json:"column" minLength:"1" maxLength:"300"`
	// Field is a name of the filter language, or tags.<key>, identifiers.<type>, relations.<alias>; "" ignores the column.
	Field  string            `json:"field" maxLength:"300" doc:"name, region, datacenter, tags, tags.<key>, identifiers.<type>, relations.<alias>, attributes.<path>, common.<path>; empty ignores the column"`
	Unit   string            `json:"unit,omitempty" enum:"B,kB,MB,GB,TB,KiB,MiB,GiB,TiB" doc:"Of numbers that are bytes"`
	Values map[string]string `json:"values,omitempty" doc:"What the file calls things -> what they are here; upper and lower case are the same"`
}

// Operation is an import, a bulk edit or the undoing of one.
type Operation struct {
	ID   string `json:"id"`
	Type string `json:"type" enum:"import,edit,delete,undo"`
	// State is running, done (a dry run is done when it has said what it has to say), refused (rows were wrong and nothing was
	// written), failed, interrupted (the collector ended meanwhile), undone, asked (it waits for approval and wrote nothing) or
	// dropped (it was not approved).
	State      string    `json:"state" enum:"running,done,refused,failed,interrupted,undone,asked,dropped"`
	DryRun     bool      `json:"dry_run,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	File       string    `json:"file,omitempty"`
	Mapping    string    `json:"mapping,omitempty"`
	Filter     string    `json:"filter,omitempty"`
	Of         string    `json:"of,omitempty" doc:"The operation that an undo takes back"`
	UndoneBy   string    `json:"undone_by,omitempty"`
	Actor      string    `json:"actor"`
	Reason     string    `json:"reason,omitempty"`
	AuditID    string    `json:"audit_id,omitempty"`
	Approval   string    `json:"approval,omitempty" doc:"The approval that it waits, or waited, for; until it is carried out the counts and the sample say what it would do"`
	StartedAt  time.Time `json:"started_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Phase      string    `json:"phase,omitempty" enum:"checking,writing"`
	Rows       int       `json:"rows" doc:"Looked at so far"`
	Created    int       `json:"created"`
	Updated    int       `json:"updated"`
	Unchanged  int       `json:"unchanged"`
	Removed    int       `json:"removed"`
	// Refused are rows with an error; Errors are the first of them.
	Refused int              `json:"refused"`
	Errors  []OperationError `json:"errors,omitempty"`
	// Ignored are columns of the file that were not looked at.
	Ignored        []string `json:"ignored_columns,omitempty"`
	NewDatacenters []string `json:"new_datacenters,omitempty" doc:"Recorded because rows name them; in a dry run, what would be"`
	// Sample is what changes, of the first resources.
	Sample []OperationChange `json:"sample,omitempty"`
	Error  string            `json:"error,omitempty"`
}

// OperationError says what is wrong with a row.
type OperationError struct {
	Row     int    `json:"row,omitempty"`
	List    string `json:"list,omitempty" doc:"Of a document with several lists"`
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
}

// OperationChange is what an operation does to one resource.
type OperationChange struct {
	Row       int           `json:"row,omitempty"`
	Resource  Ref           `json:"resource"`
	Action    string        `json:"action" enum:"created,updated,removed"`
	Diff      []FieldChange `json:"diff,omitempty"`
	Conflicts []string      `json:"conflicts,omitempty" doc:"Pointers that an undo leaves alone: somebody changed them since"`
}

// BulkEdit edits every resource of a kind that a filter finds, or that is named.
type BulkEdit struct {
	Kind   string         `json:"kind" maxLength:"200"`
	Filter string         `json:"filter,omitempty" maxLength:"8192" doc:"One of filter and ids must be there; of both, what is named and found"`
	IDs    []string       `json:"ids,omitempty" maxItems:"10000" doc:"The resources, whatever their state"`
	Set    map[string]any `json:"set,omitempty" doc:"JSON pointer -> value"`
	Reset  []string       `json:"reset,omitempty" doc:"JSON pointers to hand back to discovery"`
	DryRun bool           `json:"dry_run,omitempty"`
	// Expect is how many resources the preview found.
	Expect *int   `json:"expect,omitempty" doc:"How many resources the filter found in the dry run; if it finds others now, nothing is edited"`
	Reason string `json:"reason,omitempty" maxLength:"1000"`
}

// ExportChosen asks for a file of the resources that are named.
type ExportChosen struct {
	IDs     []string `json:"ids" minItems:"1" maxItems:"10000" doc:"Those that are there and may be seen are in the file"`
	Format  string   `json:"format,omitempty" enum:"csv,json,xlsx" default:"csv"`
	OrderBy string   `json:"order_by,omitempty" maxLength:"1000"`
	Columns []string `json:"columns,omitempty" maxItems:"500" doc:"Names of the filter language, relations.<alias> and identifiers.<type>; absent: all"`
}

// Undo takes an operation back.
type Undo struct {
	DryRun bool   `json:"dry_run,omitempty"`
	Reason string `json:"reason,omitempty" maxLength:"1000"`
}

// RelationWrite is a relation that a person states.
type RelationWrite struct {
	Verb   string `json:"verb" minLength:"1" maxLength:"100" example:"runs_on"`
	Target Ref    `json:"target" doc:"id and kind of the other resource"`
}
