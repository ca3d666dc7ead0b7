package rest

// ReferenceTry is a reference file that somebody means to put into the collector's folder.
type ReferenceTry struct {
	Name string `json:"name" enum:"end-of-support.yaml,prices.yaml"`
	Text string `json:"text" minLength:"1" maxLength:"8388608" doc:"What the file says, as YAML"`
}

// ReferencePreview is what it would change. Nothing was written.
type ReferencePreview struct {
	File    ReferenceFile     `json:"file"`
	Added   int               `json:"added" doc:"Entries that the file of now lacks"`
	Removed int               `json:"removed"`
	Changed int               `json:"changed"`
	Entries []ReferenceChange `json:"entries" doc:"The first 200 of them"`
	Effect  MappingEffect     `json:"effect" doc:"Of resources that you may see"`
}

// ReferenceChange is an entry that is another, or only in one of the two.
type ReferenceChange struct {
	Entry string `json:"entry"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}
