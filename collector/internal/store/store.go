// Package store is the port through which the collector keeps rows: a small interface over documents with
// string keys, that SQLite and MongoDB both fill without tricks.
//
// The domain packages own the meaning: they declare Tables, compose natural keys and encode documents. What
// the engines must agree on is proven by storetest.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"maestro.internal/collector/internal/filter"
)

// ErrNotFound is answered when a single row is asked for that is not there.
var ErrNotFound = errors.New("not found")

// ErrSchemaTooNew is answered when the store was written by a newer collector than this one.
var ErrSchemaTooNew = errors.New("store was written by a newer collector")

// Table is one kind of row. Tables are declared by the domain packages and handed to the engine on opening.
type Table struct {
	// Name is lower_snake.
	Name string
	// Parts says that rows are kept apart by a part name (the resource's kind), so that an engine may use one
	// collection for each; every read and write of the table names the part.
	Parts bool
	// Indexes for all parts.
	Indexes []Index
}

// Index is an ordered list of fields. The tenant comes first in each without being named, and the row's id last. One of a field of
// several texts and then of one text or moment gives, for each of a few values of the former, the rows in the order of the latter,
// however many have another value.
type Index struct {
	Name   string
	Fields []filter.Field
}

// Part is one part of a table, with the indexes that are its own.
type Part struct {
	Name    string
	Indexes []Index
}

// Row is a document with its key.
type Row struct {
	// ID is unique in the table (in all its parts and tenants); natural keys are composed with Key.
	ID string
	// Tenant that the row belongs to; "" only for the few rows of the installation itself.
	Tenant string
	// Part of a Table with Parts.
	Part string
	// Version counts the row's replacements from 1; Replace compares it.
	Version int64
	// Doc is one JSON object. Property names hold no NUL; any other text is allowed and must survive.
	Doc json.RawMessage
	// Blob is kept as it is and cannot be searched.
	Blob []byte
}

// Op is what a Write does.
type Op int

// The operations of a Write.
const (
	// Insert conflicts when the id is there already.
	Insert Op = iota
	// Put inserts or replaces whatever is there.
	Put
	// Replace conflicts unless a row with Version-1 is there; Row.Version is the new version.
	Replace
	// Advance puts the row unless one of the same or a higher Version is there, which is no conflict: for
	// projections that several may roll forward.
	Advance
	// Delete removes the row; that it is not there is no error.
	Delete
)

// Write is one operation on one row.
type Write struct {
	Table string
	Op    Op
	Row   Row
}

// Query asks for rows of one tenant.
type Query struct {
	Table  string
	Tenant string
	// AllTenants reads across tenants: for the sweepers and for sign-in only.
	AllTenants bool
	Part       string
	Where      filter.Expr // nil is all
	// Order ends with the id always, ascending, without being named.
	Order []Order
	// After is the position to go on from: the Page.Next of the page before.
	After string
	// Limit of rows in the page; 0 means 1,000.
	Limit int
	// WithBlob asks for Row.Blob too.
	WithBlob bool
	// Bare leaves Row.Doc out, for who needs ids and versions only: no document is read further than Where asks for. It comes in the order of
	// ids, so Order is empty.
	Bare bool
}

// Order sorts by a field; rows without a value come last in either direction.
type Order = filter.Order

// Page is what a Query found.
type Page struct {
	Rows []Row
	// Next is opaque; "" at the end.
	Next string
}

// Group is a count of rows having the same values in the fields grouped by.
type Group struct {
	Values []any // string, float64, bool or nil, in the fields' order
	Count  int
}

// Reader reads.
type Reader interface {
	// Get reads rows by id; those that are not there are absent from the result. tenant must be the rows'.
	Get(ctx context.Context, table, tenant, part string, ids []string) (map[string]Row, error)
	Find(ctx context.Context, q Query) (Page, error)
	// Count stops at max (0: never) and answers max then.
	Count(ctx context.Context, q Query, max int) (int, error)
	// Marks walks the rows of a query in its order and answers the position of every so many-th, as Page.Next has it, so that a
	// page anywhere in a long list can be read without the ones before; and how many rows it met. It ends at q.Limit rows.
	Marks(ctx context.Context, q Query, every int) (marks []string, rows int, err error)
	// Group counts by the values of single-valued fields, largest first, ties by value, at most q.Limit groups. By itself a
	// field of several texts that the table has an index for may be grouped by too: a row counts for each of its values,
	// which must differ, and a row without any for none.
	Group(ctx context.Context, q Query, by []filter.Field) ([]Group, error)
	// Tally answers for each field what Group answers for it alone, reading the rows as few times as the engine can: fields of one
	// value are counted together, from an index alone where one has them all.
	Tally(ctx context.Context, q Query, by []filter.Field) ([][]Group, error)
}

// Tx is one unit of reading and writing.
type Tx interface {
	Reader
	// Write performs the operations in order and answers the positions that conflicted; the others are done.
	// An error means that any prefix may have been done.
	Write(ctx context.Context, ops ...Write) (conflicts []int, err error)
}

// Store keeps rows.
type Store interface {
	Reader
	// Update runs fn once. On an engine with transactions all that fn wrote stays when fn returns nil and nothing
	// otherwise, and no other Update runs meanwhile. On an engine without them each Write stays as it is done:
	// so fn orders its writes such that stopping between any two, and running again, comes to the same end.
	Update(ctx context.Context, fn func(Tx) error) error
	// EnsurePart makes the part of a table ready, with indexes of its own beside the table's; idempotent.
	EnsurePart(ctx context.Context, table, part string, indexes []Index) error
	// Parts are those of a table that were made ready or have rows, by name; for whoever goes through all rows.
	Parts(ctx context.Context, table string) ([]Part, error)
	// Tenants are those that have rows in a table without parts, in order.
	Tenants(ctx context.Context, table string) ([]string, error)
	// Engine is "sqlite" or "mongo", for status pages.
	Engine() string
	// Size in bytes on disk as far as known, for metrics; 0 if not.
	Size(ctx context.Context) (int64, error)
	Ping(ctx context.Context) error
	Close() error
}

// Key composes a natural key. Parts are escaped so that no two different lists give the same key.
func Key(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('|')
		}
		for j := 0; j < len(p); j++ {
			switch c := p[j]; c {
			case '|':
				b.WriteString(`\p`)
			case '\\':
				b.WriteString(`\\`)
			default:
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}
