// Package inventory is the domain: it turns what connections observed into the resources that people see.
//
// It decides which observations are of one thing (claims), what the thing looks like (Merge), what its absence
// means (scopes, coverage, held removals) and keeps every difference as a change, of which the resource is only a
// projection. It knows no wire and no store engine: ingest and the REST API are thin layers over Service, and rows go
// through package store.
//
// The rule that everything else follows from: an operation writes in an order such that stopping between any two
// writes, and running it again, comes to the same end. See docs/data-model.md.
package inventory
