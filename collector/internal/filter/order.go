package filter

import (
	"slices"
	"strings"
	"unicode"
)

// Order sorts by a field; rows without a value come last in either direction.
type Order struct {
	Field Field
	Desc  bool
}

// MaxOrder is the most fields that every store sorts by.
const MaxOrder = 3

// ParseOrder reads order_by: fields separated by commas, each optionally followed by asc or desc. The error is an *Error.
func ParseOrder(text string, r Resolver) ([]Order, error) {
	p := &parser{src: text, r: r}
	if len(text) > MaxLength {
		return nil, p.errorAt(0, "the order is %d bytes long, at most %d are allowed", len(text), MaxLength)
	}
	if strings.TrimFunc(text, unicode.IsSpace) == "" {
		return nil, nil
	}
	var orders []Order
	var names []string
	at := 0
	for part := range strings.SplitSeq(text, ",") {
		start := at + len(part) - len(strings.TrimLeftFunc(part, unicode.IsSpace))
		at += len(part) + 1
		words := strings.Fields(part)
		if len(words) == 0 {
			return nil, p.errorAt(start, "no field stands here").expecting("a field's name")
		}
		name := words[0]
		f, ok := r.Field(name)
		switch {
		case !ok || f.Type == ID: // every order ends with the id as it is
			return nil, p.unknownOrder(start, strings.Split(name, "."))
		case f.Multi:
			return nil, p.errorAt(start, "%s has several values, so nothing can be ordered by it", name)
		case slices.Contains(names, name):
			return nil, p.errorAt(start, "%s is named twice", name)
		case len(orders) == MaxOrder:
			return nil, p.errorAt(start, "more than %d fields to order by", MaxOrder)
		case len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc":
			return nil, p.errorAt(start, "%q follows %s", strings.Join(words[1:], " "), name).expecting("asc, desc or a comma")
		}
		names = append(names, name)
		orders = append(orders, Order{Field: f, Desc: len(words) == 2 && words[1] == "desc"})
	}
	return orders, nil
}
