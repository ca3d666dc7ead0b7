package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// Format writes an expression as text for people reading logs and tests. It is not meant to be parsed again:
// paths are those of documents, not names of fields.
func Format(e Expr) string {
	switch e := e.(type) {
	case nil:
		return "all"
	case And:
		return formatList(e, " AND ", "all")
	case Or:
		return formatList(e, " OR ", "none")
	case Not:
		return "NOT " + Format(e.Of)
	case Const:
		if e {
			return "all"
		}
		return "none"
	case Compare:
		return fmt.Sprintf("%s %s %s", e.Field, e.Op, formatValue(e.Value))
	case In:
		values := make([]string, len(e.Values))
		for i, v := range e.Values {
			values[i] = formatValue(v)
		}
		return fmt.Sprintf("%s in [%s]", e.Field, strings.Join(values, ", "))
	case Exists:
		return e.Field.String() + " exists"
	case Within:
		spans := make([]string, len(e.Spans))
		for i, s := range e.Spans {
			spans[i] = strconv.Quote(s.From) + " to " + strconv.Quote(s.To)
		}
		return fmt.Sprintf("%s within [%s]", e.Field, strings.Join(spans, ", "))
	case Hop:
		return fmt.Sprintf("%s %s %s where %s", e.Relation.Verb, e.Relation.Direction, e.Relation.Target, Format(e.Of))
	case Text:
		return fmt.Sprintf("%s has words %q", e.Field, e.Words)
	}
	return fmt.Sprintf("%T", e)
}

func formatList(list []Expr, join, empty string) string {
	if len(list) == 0 {
		return empty
	}
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = Format(e)
	}
	return "(" + strings.Join(parts, join) + ")"
}

func formatValue(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
}
