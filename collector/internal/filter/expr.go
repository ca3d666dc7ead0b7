// Package filter is the filter language of lists: AIP-160 text in, a typed expression out.
//
// The expression is also what the rest of the collector uses to ask the store for rows, so each store
// translates one thing. Everything here is pure; Match is the meaning that both stores must agree with.
package filter

// Expr is a typed condition on one document: And, Or, Not, Compare, In, Exists, Text or Const.
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
)

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

func (And) isExpr()     {}
func (Or) isExpr()      {}
func (Not) isExpr()     {}
func (Const) isExpr()   {}
func (Compare) isExpr() {}
func (In) isExpr()      {}
func (Exists) isExpr()  {}
func (Text) isExpr()    {}
