// Package schema is the vocabulary of kinds: what a server, a volume or a network is made of.
//
// A kind is one JSON Schema (draft 2020-12) with a closed set of x-maestro-* annotations. The built-in kinds
// are Go structs here from which the JSON Schemas are generated; a plugin's own kinds arrive as JSON Schemas.
// Both become a Kind, from which validation, indexes, filters, columns, forms and merge rules are derived.
//
// # The vocabulary
//
// On the root of a kind:
//
//	x-maestro-label        name for people, one of them: "Server"
//	x-maestro-plural       name for people, many of them: "Servers"
//	x-maestro-group        place in the navigation: compute, storage, network, data, business, other
//	x-maestro-icon         a Tabler icon's name
//	x-maestro-summary      one sentence
//	x-maestro-identifiers  object: identifier type -> rank by which observations are joined, 1 is strongest
//	x-maestro-relations    list of {alias, verb, direction, target}: named hops for filters
//	x-maestro-predecessor  the kind that this major version replaces
//
// On a property of a kind:
//
//	x-maestro-label        name for people; without it, one is made of the property's name
//	x-maestro-group        heading under which it stands on a page
//	x-maestro-order        position among its neighbours; without it, those come last, by name
//	x-maestro-unit         unit of a number: bytes, seconds, MHz; its name says it too (memory_bytes)
//	x-maestro-column       shown in tables unless a user chooses otherwise
//	x-maestro-indexed      has an index, so filters and sorting by it stay fast
//	x-maestro-searchable   its words are found by text search
//	x-maestro-volatile     changes all the time: never hashed, makes no change, absent from the past
//	x-maestro-sensitive    readable with its own permission; never indexed, filtered or exported
//	x-maestro-set          an array whose order means nothing
//	x-maestro-key          the property by which an array's elements are told apart
//	x-maestro-when         asked of people only where another text of the kind begins with one of some values; also on an object
//
// On a property of a plugin's settings (see SettingsOf): label, group, order and unit as above, and
//
//	x-maestro-narrows            a filter: a change of it is not a proof that things are gone
//	x-maestro-secret             a password or key; never shown again
//	x-maestro-credential-target  says where a credential is sent, so a sealed one is bound to it
//
// Beside them a kind's schema may use $schema, $id, $comment, $defs and local $ref, title, description, type,
// properties, required, additionalProperties, items, enum, format (date-time, ip, ipv4, ipv6), anyOf with
// null, and the documenting keywords default, examples, deprecated and the bounds of numbers, strings and
// arrays. What else a JSON Schema can say has no meaning in an inventory and is refused.
package schema

import "encoding/json"

// Kind is a resource's schema, ready to use.
type Kind struct {
	// Name is the key: "server", or "<provider>.<kind>".
	Name string `json:"name"`
	// Major versions are different kinds; Minor ones only add.
	Major int `json:"major"`
	Minor int `json:"minor"`
	// Label and Plural are for people: "Server", "Servers".
	Label  string `json:"label"`
	Plural string `json:"plural"`
	// Group is where it stands in the navigation: compute, storage, network, data, business, other.
	Group string `json:"group"`
	// Icon is a Tabler icon's name.
	Icon string `json:"icon,omitempty"`
	// Summary is one sentence.
	Summary string `json:"summary,omitempty"`
	// Schema is the JSON Schema of the attributes object, canonical bytes.
	Schema json.RawMessage `json:"schema"`
	// Digest is the lower-case hex SHA-256 of Schema.
	Digest string `json:"digest"`
	// Fields are the leaves of the attributes, in the schema's order.
	Fields []Field `json:"fields"`
	// Ranks orders the identifier types by which observations of this kind are joined: rank 1 is the
	// strongest. A type that is not listed joins nothing.
	Ranks map[string]int `json:"ranks,omitempty"`
	// Relations are the named hops of the filter language.
	Relations []RelationAlias `json:"relations,omitempty"`
	// Predecessor is the kind that this one replaces, if it is another major.
	Predecessor string `json:"predecessor,omitempty"`

	root *node
}

// Type is a leaf's type.
type Type string

// The types of leaves.
const (
	TypeString  Type = "string"
	TypeInteger Type = "integer"
	TypeNumber  Type = "number"
	TypeBoolean Type = "boolean"
	TypeTime    Type = "time"  // RFC 3339
	TypeIP      Type = "ip"    // an address, without a prefix length
	TypeArray   Type = "array" // atomic unless Key is set
	TypeObject  Type = "object"
)

// Field is a leaf of a kind's attributes. Arrays are leaves; their elements are described by Items.
type Field struct {
	// Path is the dotted path inside the attributes: "cpu.cores".
	Path string `json:"path"`
	// Pointer is the JSON pointer inside the resource: "/attributes/cpu/cores".
	Pointer string `json:"pointer"`
	Type    Type   `json:"type"`
	// Items are the fields of an array's elements; one entry with an empty Path when they are scalars.
	Items []Field `json:"items,omitempty"`
	Label string  `json:"label,omitempty"`
	Help  string  `json:"help,omitempty"`
	// Unit of a number: "bytes", "MHz", "seconds".
	Unit string `json:"unit,omitempty"`
	// Enum are the only values allowed.
	Enum []string `json:"enum,omitempty"`
	// Group gathers fields on a page.
	Group string `json:"group,omitempty"`

	// Order is the position among its neighbours, from 1; 0 means unstated.
	Order int `json:"order,omitempty"`

	Column     bool `json:"column,omitempty"`     // shown in tables by default
	Indexed    bool `json:"indexed,omitempty"`    // has an index
	Searchable bool `json:"searchable,omitempty"` // its words are found by text search
	Volatile   bool `json:"volatile,omitempty"`   // changes all the time; never hashed
	Sensitive  bool `json:"sensitive,omitempty"`  // readable with its own permission only
	Set        bool `json:"set,omitempty"`        // an array whose order means nothing
	// Key names the property by which an array's elements are told apart.
	Key string `json:"key,omitempty"`
	// When says of which resources people are asked for it; nil means of all. What is there is shown anyway.
	When *When `json:"when,omitempty"`
}

// When is met by a resource whose text at Field, a path of its kind, begins with one of some values, in any case.
type When struct {
	Field      string   `json:"field"`
	BeginsWith []string `json:"begins_with"`
}

// RelationAlias names a hop for filters: servers have "volumes" by verb attached_to, direction in.
type RelationAlias struct {
	Alias     string `json:"alias"`
	Verb      string `json:"verb"`
	Direction string `json:"direction"` // "out" or "in"
	Target    string `json:"target"`    // the other end's kind
}
