package filter

import "slices"

// Resolver knows the fields that a list can be filtered by. A name that it does not answer to does not exist for
// the caller, so fields that one may not read are left out here.
type Resolver interface {
	Field(name string) (Field, bool)
	// Names of all fields, for suggestions.
	Names() []string
}

// TextResolver is a Resolver of documents that can be searched by bare words.
type TextResolver interface {
	// Text is the field holding the words of a document, folded by Words.
	Text() (Field, bool)
}

// EnumResolver is a Resolver of fields that take only certain values.
type EnumResolver interface {
	// Enum answers the values of a field, nil if any is allowed.
	Enum(name string) []string
}

// MapResolver is a Resolver of maps with free keys, such as tags.
type MapResolver interface {
	// Map answers the fields holding a map's keys and its "key=value" texts.
	Map(name string) (keys, pairs Field, ok bool)
}

// KeyedResolver is a Resolver of lists whose elements have a key and a value, such as identifiers: by its name alone such a list
// is one of values, and with a key after a dot it is those of that key.
type KeyedResolver interface {
	Keyed(name, key string) (Keyed, bool)
}

// Keyed is where a list of keys and values is. Stores keep an index of the values.
type Keyed struct {
	Keys, Values, Pairs Field
	// Spell is a value in the spelling in which it is stored.
	Spell func(value string) string
}

// HopResolver is a Resolver of documents that are related to others.
type HopResolver interface {
	// Hop answers a relation and the names of what it leads to.
	Hop(alias string) (Relation, Resolver, bool)
	// Hops are the names of all relations, for suggestions.
	Hops() []string
}

// AddressResolver is a Resolver of fields that hold addresses and ranges of them.
type AddressResolver interface {
	// Addresses answers where a document keeps the keys of its addresses (AddressKey), and what the keys of the named field
	// begin with.
	Addresses(name string) (keys Field, begins []string, ok bool)
}

// TypedResolver is a Resolver of documents that hold what can be told by how it is written, such as addresses.
type TypedResolver interface {
	// Typed is the condition that finds who holds what the text is; false when it is a word like any other.
	Typed(text string) (Expr, bool)
}

// Info says what a filter's text was about.
type Info struct {
	// Fields that were named, each once, in order.
	Fields []string
	// Text says that there were bare words.
	Text bool
}

// Names says whether the filter named the field.
func (i Info) Names(field string) bool { return slices.Contains(i.Fields, field) }
