package filter

import (
	"fmt"
	"math"
	"strings"
)

// Check finds what no store can be asked: an operation or a value that does not fit its field's type. The parser
// never makes such an expression, so it guards against mistakes of our own.
func Check(e Expr) error {
	switch e := e.(type) {
	case nil, Const:
		return nil
	case And:
		return checkAll(e)
	case Or:
		return checkAll(e)
	case Not:
		if e.Of == nil {
			return fmt.Errorf("check filter: not of nothing")
		}
		return Check(e.Of)
	case Exists:
		return checkField(e.Field)
	case In:
		if err := checkField(e.Field); err != nil {
			return err
		}
		for _, v := range e.Values {
			if err := checkValue(e.Field, v); err != nil {
				return err
			}
		}
		return nil
	case Text:
		if e.Field.Type != String {
			return fmt.Errorf("check filter: text search in %s, which is no string", e.Field)
		}
		return checkField(e.Field)
	case Within:
		if e.Field.Type != String || e.Field.Multi && len(e.Field.Path) > 1 {
			return fmt.Errorf("check filter: spans of %s, which is neither a string nor a list of strings at the root", e.Field)
		}
		return checkField(e.Field)
	case Hop:
		return fmt.Errorf("check filter: the relation %s was not resolved", e.Relation.Alias)
	case Compare:
		return checkCompare(e)
	}
	return fmt.Errorf("check filter: unknown expression %T", e)
}

func checkAll(list []Expr) error {
	for _, e := range list {
		if e == nil {
			return fmt.Errorf("check filter: empty member")
		}
		if err := Check(e); err != nil {
			return err
		}
	}
	return nil
}

func checkCompare(e Compare) error {
	if err := checkField(e.Field); err != nil {
		return err
	}
	switch e.Op {
	case Eq, Ne, Lt, Le, Gt, Ge:
	case Contains, Prefix:
		if e.Field.Type != String && (e.Field.Type != ID || e.Op != Prefix) {
			return fmt.Errorf("check filter: %s compares strings only, %s is a %s", e.Op, e.Field, e.Field.Type)
		}
	default:
		return fmt.Errorf("check filter: unknown operation %q", e.Op)
	}
	return checkValue(e.Field, e.Value)
}

func checkField(f Field) error {
	switch f.Type {
	case String, Number, Bool, Time:
	case ID:
		if f.Multi || len(f.Path) != 1 || f.Path[0] != RowID.Path[0] {
			return fmt.Errorf("check filter: field %s is not the id of the row", f)
		}
	default:
		return fmt.Errorf("check filter: field %s has the unknown type %q", f, f.Type)
	}
	if len(f.Path) == 0 {
		return fmt.Errorf("check filter: field without a path")
	}
	for _, p := range f.Path {
		if strings.ContainsRune(p, 0) {
			return fmt.Errorf("check filter: field %s holds a NUL", f)
		}
	}
	return nil
}

func checkValue(f Field, v any) error {
	ok := false
	switch v := v.(type) {
	case string:
		ok = f.Type == String || f.Type == Time || f.Type == ID
	case bool:
		ok = f.Type == Bool
	case int64:
		ok = f.Type == Number
	case float64:
		ok = f.Type == Number && !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	if !ok {
		return fmt.Errorf("check filter: %s is a %s and cannot be compared with %v (%T)", f, f.Type, v, v)
	}
	return nil
}

// CheckOrder finds fields that rows cannot be ordered or grouped by.
func CheckOrder(f Field) error {
	if f.Multi {
		return fmt.Errorf("check order: %s has several values in one row", f)
	}
	if f.Type == ID {
		return fmt.Errorf("check order: every order ends with the id, so it is not named")
	}
	return checkField(f)
}

// String is the path for messages, with dots.
func (f Field) String() string { return strings.Join(f.Path, ".") }
