package rest

// Facets are the values that resources of a kind have under a filter.
type Facets struct {
	Facets []Facet `json:"facets"`
	// LookedThrough is set where not all was counted.
	LookedThrough int `json:"looked_through,omitempty" doc:"Of a past moment around which much happened: the values were counted among so many resources, since one answer looks through no more; there are more of each"`
}

// Facet says which values a field has, the most frequent first.
type Facet struct {
	Field  string       `json:"field"`
	Values []FacetValue `json:"values"`
	More   bool         `json:"more,omitempty" doc:"There are more values"`
	// Without is not counted for tags and labels.
	Without int `json:"without,omitempty" doc:"How many have no value"`
}

// FacetValue is one value.
type FacetValue struct {
	Value any    `json:"value"`
	Label string `json:"label,omitempty" doc:"A name for people, where the value is an id"`
	Count int    `json:"count"`
	Where string `json:"where" doc:"The condition that finds them, for the filter"`
}
