package rest

import "time"

// FieldRule turns what a provider says of a thing into a field of the common block, or into a relation to a system or an
// application of that name.
type FieldRule struct {
	Name      string            `json:"name" minLength:"1" maxLength:"200"`
	Off       bool              `json:"off,omitempty"`
	Kinds     []string          `json:"kinds,omitempty" maxItems:"100" doc:"Absent: all kinds"`
	Where     string            `json:"where,omitempty" maxLength:"2000" doc:"A filter that narrows it further"`
	From      []string          `json:"from,omitempty" maxItems:"20" doc:"tags.<key>, partition.<label>, account.client, attributes.<path>, name, region, zone, provider; the first that has a value" example:"[\"tags.env\"]"`
	Pattern   string            `json:"pattern,omitempty" maxLength:"500" doc:"Regular expression (RE2) that the whole value must match"`
	Value     string            `json:"value,omitempty" maxLength:"500" doc:"What is set; may use groups of the pattern as $1. Absent: what was found"`
	Values    map[string]string `json:"values,omitempty" doc:"Translates what was found, without regard to case"`
	Separator string            `json:"separator,omitempty" maxLength:"10" doc:"Splits a value into several systems or applications"`
	Set       string            `json:"set" doc:"environment, owner.name, client, cost_center, criticality, lifecycle ..., system or application" example:"environment"`
}

// TagSpelling is a key of tags in the organisation's spelling, with what means the same.
type TagSpelling struct {
	Key    string            `json:"key" minLength:"1" maxLength:"200"`
	Also   []string          `json:"also,omitempty" maxItems:"50"`
	Values map[string]string `json:"values,omitempty"`
}

// TagRequirement is a line of the tag policy.
type TagRequirement struct {
	Key      string   `json:"key" minLength:"1" maxLength:"200"`
	Kinds    []string `json:"kinds,omitempty" maxItems:"100" doc:"Absent: all kinds"`
	Values   []string `json:"values,omitempty" maxItems:"50" doc:"What is allowed; absent: anything"`
	Optional bool     `json:"optional,omitempty" doc:"The key may be missing"`
	Help     string   `json:"help,omitempty" maxLength:"1000"`
}

// TagCompliance is how the resources of a kind keep a requirement. The filters find those that do not.
type TagCompliance struct {
	Requirement   int    `json:"requirement"`
	Key           string `json:"key"`
	Kind          string `json:"kind"`
	Total         int    `json:"total"`
	Missing       int    `json:"missing"`
	Wrong         int    `json:"wrong"`
	MissingFilter string `json:"missing_filter,omitempty"`
	WrongFilter   string `json:"wrong_filter,omitempty"`
}

// MappingWrite is what administrators write of the meaning of tags, names and accounts: all of it.
type MappingWrite struct {
	Rules     []FieldRule      `json:"rules" maxItems:"500"`
	Spellings []TagSpelling    `json:"spellings,omitempty" maxItems:"500"`
	Policy    []TagRequirement `json:"policy,omitempty" maxItems:"200"`
	Reason    string           `json:"reason,omitempty" maxLength:"1000"`
}

// Mapping is a version of it.
type Mapping struct {
	Version   int64            `json:"version"`
	Rules     []FieldRule      `json:"rules"`
	Spellings []TagSpelling    `json:"spellings"`
	Policy    []TagRequirement `json:"policy"`
	SavedAt   time.Time        `json:"saved_at,omitzero"`
	SavedBy   string           `json:"saved_by,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	// Job is how far the inventory follows; of the newest version only.
	Job *MappingJob `json:"job,omitempty"`
}

// MappingJob is how far the inventory follows a version.
type MappingJob struct {
	Running bool      `json:"running"`
	Done    int       `json:"done"`
	Total   int       `json:"total"`
	Changed int       `json:"changed"`
	Began   time.Time `json:"began_at,omitzero"`
	Ended   time.Time `json:"ended_at,omitzero"`
}

// MappingEffect is what a mapping would change. Looked of Total resources were tried.
type MappingEffect struct {
	Looked  int             `json:"looked"`
	Total   int             `json:"total"`
	Changed int             `json:"changed"`
	Samples []MappingSample `json:"samples"`
	// Wanted are names that rules relate to and nothing is recorded under: "system billing", with how many want it.
	Wanted map[string]int `json:"wanted,omitempty"`
	// Conflicts are rules that want different values for one field, those of most resources first, at most 100.
	Conflicts []MappingConflict `json:"conflicts,omitempty"`
}

// MappingConflict is two rules that want different values for one field of Count resources: Rule stands before Over in the
// list, and decides.
type MappingConflict struct {
	Pointer string                  `json:"pointer"`
	Rule    string                  `json:"rule"`
	Over    string                  `json:"over"`
	Count   int                     `json:"count"`
	Samples []MappingConflictSample `json:"samples"`
}

// MappingConflictSample is one of the resources, with what either rule says of it.
type MappingConflictSample struct {
	Resource Ref    `json:"resource"`
	Value    string `json:"value"`
	Over     string `json:"over"`
}

// MappingSample is a resource that would change.
type MappingSample struct {
	Resource Ref           `json:"resource"`
	Diff     []FieldChange `json:"diff"`
}
