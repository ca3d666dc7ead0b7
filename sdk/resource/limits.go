package resource

import "errors"

// Limits of one resource and of one batch. They are the same in plugin, agent and collector, so that what
// leaves the one is not refused by the next.
const (
	// MaxBytes is the largest canonical form of one envelope.
	MaxBytes = 1 << 20
	// MaxDepth is how deep JSON may nest; the envelope itself is 1, its attributes are 2.
	MaxDepth = 32
	// MaxTags is how many tags one resource may have.
	MaxTags = 200
	// MaxExternalID is the longest external id in bytes. The id is a key in every index and list.
	MaxExternalID = 2048
	// MaxLabels is how many labels a partition may have.
	MaxLabels = 16
	// MaxBatchBytes and MaxBatchItems bound one batch on any wire.
	MaxBatchBytes = 4 << 20
	MaxBatchItems = 1000
)

// HashFormat numbers the rules of Canonical and HashOf. Hashes of different formats are not comparable.
const HashFormat = 1

var (
	// ErrTooLarge says that a resource exceeds MaxBytes.
	ErrTooLarge = errors.New("resource too large")
	// ErrTooDeep says that a resource nests deeper than MaxDepth.
	ErrTooDeep = errors.New("resource too deep")
	// ErrTooManyTags says that a resource has more than MaxTags tags.
	ErrTooManyTags = errors.New("too many tags")
	// ErrMalformed says that a field is missing or has no meaning: no external id, invalid UTF-8, a relation
	// with two targets.
	ErrMalformed = errors.New("malformed resource")
	// ErrNotCanonical says that bytes are valid but not in the one form that may travel.
	ErrNotCanonical = errors.New("resource not canonical")
)
