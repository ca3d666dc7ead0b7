package mongo

import (
	"math"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

func doc(key string, value any) bson.D { return bson.D{{Key: key, Value: value}} }

// never matches no row. An empty $in is the cheapest such condition.
func never() bson.D { return doc("_id", doc("$in", bson.A{})) }

func not(d bson.D) bson.D { return doc("$nor", bson.A{d}) }

func all(list ...bson.D) bson.D {
	kept := bson.A{}
	for _, d := range list {
		if len(d) > 0 {
			kept = append(kept, d)
		}
	}
	switch len(kept) {
	case 0:
		return bson.D{}
	case 1:
		return kept[0].(bson.D)
	}
	return doc("$and", kept)
}

func anyOf(list ...bson.D) bson.D {
	a := bson.A{}
	for _, d := range list {
		a = append(a, d)
	}
	switch len(a) {
	case 0:
		return never()
	case 1:
		return list[0]
	}
	return doc("$or", a)
}

// condition translates an expression. Comparisons of MongoDB are within the type of the value, so a value of
// another type is none, as the filter language has it.
func condition(e filter.Expr) bson.D {
	switch e := e.(type) {
	case filter.Const:
		if !e {
			return never()
		}
	case filter.Not:
		return not(condition(e.Of))
	case filter.And:
		return all(conditions(e)...)
	case filter.Or:
		return anyOf(conditions(e)...)
	case filter.Exists:
		return present(e.Field)
	case filter.In:
		if len(e.Values) == 0 {
			return never()
		}
		return doc(placeOf(e.Field), doc("$in", bson.A(e.Values)))
	case filter.Within:
		list := make([]bson.D, len(e.Spans))
		for i, s := range e.Spans {
			list[i] = within(e.Field, s)
		}
		return anyOf(list...)
	case filter.Text:
		list := make([]bson.D, len(e.Words))
		for i, w := range e.Words {
			list[i] = compare(e.Field, filter.Prefix, w)
		}
		return all(list...)
	case filter.Compare:
		return compare(e.Field, e.Op, e.Value)
	}
	return bson.D{}
}

func conditions(list []filter.Expr) []bson.D {
	out := make([]bson.D, len(list))
	for i, e := range list {
		out[i] = condition(e)
	}
	return out
}

// placeOf is where a row has a field: its id is not in the document.
func placeOf(f filter.Field) string {
	if f.Type == filter.ID {
		return "_id"
	}
	return pathOf(f.Path)
}

// within asks one element of a list for both ends.
func within(f filter.Field, s filter.Span) bson.D {
	ends := bson.D{{Key: "$gte", Value: s.From}, {Key: "$lte", Value: s.To}}
	if f.Multi {
		return doc(placeOf(f), doc("$elemMatch", ends))
	}
	return doc(placeOf(f), ends)
}

func compare(f filter.Field, op filter.Op, v any) bson.D {
	path := placeOf(f)
	if v == "" && (op == filter.Contains || op == filter.Prefix) {
		return present(f) // every text has it, and an empty pattern cannot use an index
	}
	switch op {
	case filter.Ne:
		return not(doc(path, v))
	case filter.Contains:
		return doc(path, bson.D{{Key: "$regex", Value: quoteRegex(v.(string))}, {Key: "$options", Value: "i"}})
	case filter.Prefix:
		// Not a range: on a field of several values its two ends may be met by different ones.
		return doc(path, doc("$regex", "^"+quoteRegex(v.(string))))
	case filter.Lt:
		return doc(path, doc("$lt", v))
	case filter.Le:
		return doc(path, doc("$lte", v))
	case filter.Gt:
		return doc(path, doc("$gt", v))
	case filter.Ge:
		return doc(path, doc("$gte", v))
	}
	return doc(path, doc("$eq", v))
}

// present says that there is a value of the field's type.
func present(f filter.Field) bson.D {
	path := placeOf(f)
	switch f.Type {
	case filter.Number:
		return doc(path, doc("$gte", math.Inf(-1)))
	case filter.Bool:
		return doc(path, doc("$in", bson.A{true, false}))
	}
	return doc(path, doc("$gte", ""))
}

// quoteRegex makes a pattern of a text that stands for itself, for every dialect of regular expressions.
func quoteRegex(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == 0:
			b.WriteString(`\x00`) // a pattern ends at a NUL
			continue
		case r < 0x80 && strings.ContainsRune(`\.+*?()|[]{}^$/#&-~`, r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// stream is the rows that have values in the same ordering fields. MongoDB sorts missing values first when
// ascending, and a second field's missing values among the first's: so each stream is sorted by itself, and they are merged.
type stream struct {
	has    []bool
	filter bson.D
	sort   bson.D
}

// streams answers the streams of an order; those without the first field follow after all those with it.
func streams(order []store.Order, after *store.Cursor) (first, last []stream) {
	for pattern := range 1 << len(order) {
		st := stream{has: make([]bool, len(order))}
		var conds []bson.D
		for i, o := range order {
			// The first field is the highest bit, and its absence the later half.
			st.has[i] = pattern&(1<<(len(order)-1-i)) == 0
			if st.has[i] {
				dir := 1
				if o.Desc {
					dir = -1
				}
				st.sort = append(st.sort, bson.E{Key: pathOf(o.Field.Path), Value: dir})
				conds = append(conds, present(o.Field))
			} else {
				conds = append(conds, not(present(o.Field)))
			}
		}
		st.sort = append(st.sort, bson.E{Key: "_id", Value: 1})
		if after != nil {
			cond, some := following(order, st.has, *after)
			if !some {
				continue
			}
			conds = append(conds, cond)
		}
		st.filter = all(conds...)
		if len(order) == 0 || st.has[0] {
			first = append(first, st)
		} else {
			last = append(last, st)
		}
	}
	return first, last
}

// following restricts a stream to what comes after the cursor; false when nothing of it does.
func following(order []store.Order, has []bool, at store.Cursor) (bson.D, bool) {
	if len(order) == 0 {
		return doc("_id", doc("$gt", at.ID)), true
	}
	v := at.Values[0]
	rest, some := following(order[1:], has[1:], store.Cursor{Values: at.Values[1:], ID: at.ID})
	switch {
	case v == nil && has[0]:
		return nil, false
	case v == nil:
		return rest, some
	case !has[0]:
		return bson.D{}, true
	}
	op := filter.Gt
	if order[0].Desc {
		op = filter.Lt
	}
	beyond := compare(order[0].Field, op, v)
	if !some {
		return beyond, true
	}
	return anyOf(beyond, all(compare(order[0].Field, filter.Eq, v), rest)), true
}
