package filter

import (
	"slices"
	"strings"
)

// Reference is what a field that holds ids points at. People know these objects by name, so a filter may say either.
type Reference struct {
	// Noun is what one of them is called: "datacenter".
	Noun string
	// Named are the objects that the caller may know of, id to name. It is asked only when a filter names one. nil says that
	// only ids are meant here.
	Named func() (map[string]string, error)
	// Open says that there may be others, so that a name nothing has is no slip.
	Open bool
}

// ReferenceResolver is a Resolver of fields that hold the ids of named objects.
type ReferenceResolver interface {
	Reference(name string) (Reference, bool)
}

// mostSuggested bounds the names of an error.
const mostSuggested = 8

// byName makes the condition of a reference out of what people wrote: an id, or a name, which may be that of several.
func (p *parser) byName(ref Reference, f Field, op Op, v value) (Expr, error) {
	if op != Eq && op != Ne && op != Contains {
		return nil, p.errorAt(v.at, "no %s is before or after another", ref.Noun).expecting("=, != or ~")
	}
	whole := !v.star && op != Contains
	if whole && looksLikeID(v.text) { // also of an object that is no more, or not the caller's to see
		return Compare{f, op, v.text}, nil
	}
	if ref.Named == nil {
		return nil, p.errorAt(v.at, "a %s is meant by its id here, which stays when the %s is renamed", ref.Noun, ref.Noun).expecting("an id")
	}
	named, err := ref.Named()
	if err != nil {
		return nil, err
	}
	if _, ok := named[v.text]; ok && whole {
		return Compare{f, op, v.text}, nil
	}
	var ids []string
	for id, n := range named {
		if fits(n, op, v) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 && whole && !ref.Open {
		return nil, p.noneNamed(ref, named, v)
	}
	slices.Sort(ids)
	var e Expr = Const(false)
	switch len(ids) {
	case 0:
	case 1:
		e = Compare{f, Eq, ids[0]}
	default:
		in := In{Field: f}
		for _, id := range ids {
			in.Values = append(in.Values, id)
		}
		e = in
	}
	if op == Ne {
		return Not{e}, nil
	}
	return e, nil
}

// fits says whether a name is meant. Nobody remembers how a name is capitalised, so that makes no difference.
func fits(name string, op Op, v value) bool {
	have, want := Fold(name), Fold(v.text)
	switch {
	case op == Contains:
		return strings.Contains(have, want)
	case v.star:
		return strings.HasPrefix(have, want)
	}
	return have == want
}

func (p *parser) noneNamed(ref Reference, named map[string]string, v value) error {
	names := make([]string, 0, len(named))
	for _, n := range named {
		names = append(names, n)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	e := p.errorAt(v.at, "there is no %s %q", ref.Noun, v.text)
	if near := nearest(v.text, names); near != "" {
		return e.suggesting(quote(near))
	}
	if len(names) == 0 || len(names) > mostSuggested {
		return e.expecting("the name or the id of a " + ref.Noun)
	}
	for i, n := range names {
		names[i] = quote(n)
	}
	return e.expecting("one of " + strings.Join(names, ", ") + ", or an id")
}

// quote writes a name as a filter takes it.
func quote(name string) string {
	if name != "" && !strings.ContainsAny(name, ` "'(),\*<>=:~!-`) {
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `*`, `\*`).Replace(name) + `"`
}

// looksLikeID says that a text is a UUID, as all ids of the collector's own objects are.
func looksLikeID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, r := range text {
		switch i {
		case 8, 13, 18, 23:
			if r != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
				return false
			}
		}
	}
	return true
}
