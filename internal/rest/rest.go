// Package rest holds the documents of the human plane: what the collector's REST API answers and takes, as the
// CLI reads them. The OpenAPI document, and from it the web UI's types, are generated from these structs.
package rest

import "time"

// List is one page of anything.
type List[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"next_page_token,omitempty" doc:"Pass as page_token for the next page; absent at the end"`
	TotalSize     int    `json:"total_size"`
	// TotalSizeIsLowerBound is set when counting stopped at 10,000, or at what one answer about a past moment goes through.
	TotalSizeIsLowerBound bool `json:"total_size_is_lower_bound,omitempty"`
	// LookedThrough is set where a page of a past moment is short.
	LookedThrough int `json:"looked_through,omitempty" doc:"Of a past moment around which much happened: the page is short, or empty, since one answer looks through no more than this. So many resources were looked through since the last page that was full; next_page_token goes on"`
}

// Marks are places in a list from which it can be read on.
type Marks struct {
	Every     int      `json:"every" doc:"Rows between two marks, a multiple of page_size"`
	Marks     []string `json:"marks" doc:"Each a page_token for the list of the same filter and order; the first follows after as many rows as every says"`
	TotalSize int      `json:"total_size" doc:"Exact up to 1,000,000"`
	// TotalSizeIsLowerBound is set when there are more rows than are marked.
	TotalSizeIsLowerBound bool `json:"total_size_is_lower_bound,omitempty"`
}

// Ref names another object, with the name people know it by.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Kind string `json:"kind,omitempty"`
}

// Problem is the answer to what could not be done (RFC 9457).
type Problem struct {
	Type   string `json:"type,omitempty" doc:"A URI that names the sort of problem; absent for the plain meaning of the status"`
	Title  string `json:"title" doc:"The status in words"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty" doc:"What happened and what to do about it, for people"`
	// Errors say where in the request it lies.
	Errors []ProblemDetail `json:"errors,omitempty"`
	// Filter is set when a filter or an order could not be understood.
	Filter *FilterProblem `json:"filter,omitempty"`
	// CurrentVersion is set when If-Match named another version than the current one.
	CurrentVersion int64 `json:"current_version,omitempty"`
	// EarliestAsOf is set when as_of lies before the moment from which the past is kept.
	EarliestAsOf time.Time `json:"earliest_as_of,omitzero"`
	// RetryAfterSeconds is set when asking again later may do.
	RetryAfterSeconds int `json:"retry_after_seconds,omitempty"`
}

// ProblemDetail is one thing that is wrong with a request.
type ProblemDetail struct {
	Message  string `json:"message,omitempty"`
	Location string `json:"location,omitempty" doc:"body.settings.url, query.filter ..."`
	Value    any    `json:"value,omitempty"`
}

// FilterProblem says where a filter or an order stops making sense.
type FilterProblem struct {
	// Parameter is filter or order_by.
	Parameter string `json:"parameter" enum:"filter,order_by"`
	// Position counts characters (Unicode code points) from 0; Byte counts bytes of UTF-8.
	Position int    `json:"position"`
	Byte     int    `json:"byte"`
	Length   int    `json:"length,omitempty" doc:"Characters concerned, when known"`
	Message  string `json:"message"`
	Expected string `json:"expected,omitempty"`
	// Suggestion is what was probably meant.
	Suggestion string `json:"suggestion,omitempty"`
}
