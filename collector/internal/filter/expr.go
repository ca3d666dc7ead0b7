// Package filter is the filter language of lists: AIP-160 text in, a typed expression out.
//
// The expression is also what the rest of the collector uses to ask the store for rows, so each store
// translates one thing. Everything here is pure; Match is the meaning that both stores must agree with.
package filter

// Expr is a typed condition on one document: And, Or, Not, Compare, In, Exists, Text, Within, Hop or Const.
type Expr interface{ isExpr() }

// And holds when all hold; the empty And is true.
type And []Expr

// Or holds when any holds; the empty Or is false.
type Or []Expr

// Not holds when Of does not.
type Not struct{ Of Expr }

// Const is always or never.
type Const bool

// Field is a place in a document.
type Field struct {
	// Path from the document's root, without array positions: {"attributes", "cpu", "cores"}. A path that
	// passes through arrays means any element.
	Path []string
	Type Type
	// Multi says that an array lies on the path, so that a document has several values.
	Multi bool
}

// Type is the type that a field's values are compared as.
type Type string

// The types of comparisons. Times are stored as text of fixed width, so they compare as text.
const (
	String Type = "string"
	Number Type = "number"
	Bool   Type = "bool"
	Time   Type = "time"
	// ID is the type of RowID alone.
	ID Type = "id"
)

// RowID is the id of the row that a document is kept in, which is no part of the document.
var RowID = Field{Path: []string{"id"}, Type: ID}

// Op is a comparison.
type Op string

// The comparisons. On a Multi field each means "any value does", Ne means "none is equal".
const (
	Eq       Op = "="
	Ne       Op = "!="
	Lt       Op = "<"
	Le       Op = "<="
	Gt       Op = ">"
	Ge       Op = ">="
	Contains Op = "~"      // case-insensitive substring, strings only
	Prefix   Op = "prefix" // case-sensitive, strings only: the text was written with a * at its end
)

// Compare relates a field to a value: string, float64, int64 or bool after the field's type. A missing or null
// field is equal to nothing, less and greater than nothing; so Ne holds for it.
type Compare struct {
	Field Field
	Op    Op
	Value any
}

// In holds when any of the field's values is one of Values.
type In struct {
	Field  Field
	Values []any
}

// Exists holds when the field has a value; null and the empty array are none.
type Exists struct{ Field Field }

// Text holds when every one of Words (folded by Words) is a prefix of some word of the document, whose words are the string
// array at Field.
type Text struct {
	Field Field
	Words []string
}

// Within holds when any of the field's values lies in one of Spans. A single value has to meet both ends of a span, which two
// comparisons joined by And would not ask of a list. The field is a string; a list of them lies at the document's root.
type Within struct {
	Field Field
	Spans []Span
}

// Span is the texts from From to To, both included.
type Span struct{ From, To string }

// Relation is a named way from the resources of a kind to those that they are related to.
type Relation struct {
	Alias, Verb string
	// Direction is "out" when the edge begins at the resource that is asked about, "in" when it ends there.
	Direction string
	// Target is the kind that it leads to.
	Target string
}

// Hop holds when the relation leads to some resource for which Of holds. No store is asked about it: whoever knows the
// relations puts in its place the rows that it holds for.
type Hop struct {
	Relation Relation
	Of       Expr
	// StateNamed says that Of speaks of states, so that what is gone counts too.
	StateNamed bool
	// Offset and Rune are where in the filter's text the hop stands, Name how it is written there.
	Offset, Rune int
	Name         string
}

func (And) isExpr()     {}
func (Or) isExpr()      {}
func (Not) isExpr()     {}
func (Const) isExpr()   {}
func (Compare) isExpr() {}
func (In) isExpr()      {}
func (Exists) isExpr()  {}
func (Text) isExpr()    {}
func (Within) isExpr()  {}
func (Hop) isExpr()     {}
