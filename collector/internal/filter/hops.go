package filter

import (
	"slices"
	"strings"
)

// reached is where a name leads: over relations to a resolver, and there to a field.
type reached struct {
	hops []Hop // from the list's own documents on; Of is still empty
	r    Resolver
	// name is what is left of the name for the last resolver; empty when it ends with a relation.
	name []string
}

// reach follows the relations that a name begins with. A field's own name wins over a relation's.
func (p *parser) reach(r restriction, knows func(Resolver, []string) bool) (reached, error) {
	to := reached{r: p.r, name: r.name}
	for !knows(to.r, to.name) {
		hr, ok := to.r.(HopResolver)
		if !ok {
			return to, p.unknown(r.at, to)
		}
		rel, next, ok := hr.Hop(to.name[0])
		if !ok {
			return to, p.unknown(r.at, to)
		}
		if len(to.hops) == MaxHops {
			return to, p.errorAt(r.at, "%s passes more than %d relations", strings.Join(r.name, "."), MaxHops)
		}
		walked := len(r.name) - len(to.name) + 1
		at := errorAt(p.src, r.at, "")
		to.hops = append(to.hops, Hop{Relation: rel, Offset: at.Offset, Rune: at.Rune, Name: strings.Join(r.name[:walked], ".")})
		to.r, to.name = next, to.name[1:]
		if len(to.name) == 0 {
			break
		}
	}
	p.named(to)
	return to, nil
}

// isField says whether a resolver has a field or a map of free keys by this name.
func isField(r Resolver, name []string) bool {
	if _, ok := r.Field(strings.Join(name, ".")); ok {
		return true
	}
	if mr, ok := r.(MapResolver); ok {
		for i := 1; i <= len(name); i++ {
			if _, _, ok := mr.Map(strings.Join(name[:i], ".")); ok {
				return true
			}
		}
	}
	return false
}

// named notes the field that a condition is about, with the relations before it.
func (p *parser) named(to reached) {
	name := strings.Join(to.name, ".")
	if mr, ok := to.r.(MapResolver); ok {
		for i := 1; i <= len(to.name); i++ {
			if owner := strings.Join(to.name[:i], "."); isMap(mr, owner) {
				name = owner
				break
			}
		}
	}
	if n := len(to.hops); n > 0 {
		to.hops[n-1].StateNamed = name == "state"
		name = strings.TrimSuffix(to.hops[n-1].Name+"."+name, ".")
	}
	if !slices.Contains(p.info.Fields, name) {
		p.info.Fields = append(p.info.Fields, name)
	}
}

func isMap(mr MapResolver, name string) bool {
	_, _, ok := mr.Map(name)
	return ok
}

// wrap puts a condition on the last documents behind the hops that lead there.
func (to reached) wrap(e Expr) Expr {
	for _, hop := range slices.Backward(to.hops) {
		hop.Of = e
		e = hop
	}
	return e
}

// related is a condition on whether a relation leads anywhere, volumes:* or system = null, or to what is called so or has that
// id: system = "ACME".
func (p *parser) related(r restriction, to reached, v value) (Expr, error) {
	name := strings.Join(r.name, ".")
	if e, ok, err := p.existence(r, v, Const(true)); ok || err != nil {
		return e, err
	}
	to.name = []string{"name"}
	if !v.star && looksLikeID(v.text) {
		to.name = []string{"id"}
	}
	f, ok := to.r.Field(to.name[0])
	if !ok || r.op != Eq && r.op != Ne && r.op != has && r.op != Contains {
		return nil, p.errorAt(r.at, "%s leads to other resources, of which a field is compared", name).
			expecting(name + " = name, " + name + ".field = value, or " + name + ":*")
	}
	return p.compare(r, to, f, v)
}

// cidr makes the condition of cidr(field, range).
func (p *parser) cidr(r restriction, v value) (Expr, error) {
	given, err := p.prefix(v)
	if err != nil {
		return nil, err
	}
	to, err := p.reach(r, isAddress)
	if err != nil {
		return nil, err
	}
	ar, ok := to.r.(AddressResolver)
	var keys Field
	var begins []string
	if ok {
		keys, begins, ok = ar.Addresses(strings.Join(to.name, "."))
	}
	if !ok {
		e := p.errorAt(r.at, "%s holds no addresses", strings.Join(r.name, "."))
		if names := addressNames(to.r); len(names) > 0 {
			names = names[:min(len(names), 8)]
			if n := len(to.hops); n > 0 {
				for i := range names {
					names[i] = to.hops[n-1].Name + "." + names[i]
				}
			}
			return nil, e.expecting("one of " + strings.Join(names, ", "))
		}
		return nil, e.expecting("a field of addresses")
	}
	span := AddressSpan(given)
	within := Within{Field: keys}
	for _, b := range begins {
		within.Spans = append(within.Spans, Span{From: b + span.From, To: b + span.To})
	}
	return to.wrap(within), nil
}

// isAddress is like isField, and knows names too that stand for addresses and for nothing else.
func isAddress(r Resolver, name []string) bool {
	if ar, ok := r.(AddressResolver); ok {
		if _, _, ok := ar.Addresses(strings.Join(name, ".")); ok {
			return true
		}
	}
	return isField(r, name)
}

func addressNames(r Resolver) []string {
	ar, ok := r.(AddressResolver)
	if !ok {
		return nil
	}
	names := r.Names()
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		_, _, ok := ar.Addresses(n)
		// What has a shorter name is named by that.
		return !ok || slices.ContainsFunc(names, func(short string) bool { return strings.HasSuffix(n, "."+short) })
	})
}

// unknown is the error of a name that the resolver does not know.
func (p *parser) unknown(at int, to reached) error {
	before := ""
	if n := len(to.hops); n > 0 {
		before = to.hops[n-1].Name + "."
	}
	name := strings.Join(to.name, ".")
	e := p.errorAt(at, "there is no field %q here", before+name)
	if len(to.hops) > 0 {
		e.Message = "a " + to.hops[len(to.hops)-1].Relation.Target + " has no field \"" + name + "\""
	}
	names := to.r.Names()
	if hr, ok := to.r.(HopResolver); ok {
		names = slices.Concat(names, hr.Hops())
		if i := strings.IndexByte(name, '.'); i > 0 {
			// A relation misspelt before a field: suggest the relation, the field is looked at afterwards.
			if near := nearest(name[:i], hr.Hops()); near != "" {
				return e.suggesting(before + near + name[i:])
			}
		}
	}
	if near := nearest(name, names); near != "" {
		return e.suggesting(before + near)
	}
	if i := strings.IndexByte(name, '.'); i > 0 {
		if near := nearest(name[:i], mapsOf(to.r)); near != "" {
			return e.suggesting(before + near + name[i:])
		}
	}
	if before != "" {
		return e.expecting("a field of a " + to.hops[len(to.hops)-1].Relation.Target)
	}
	return e.expecting("a field's name, or quotes around a text to search for")
}

// mapsOf are the names of maps with free keys.
func mapsOf(r Resolver) []string {
	mr, ok := r.(MapResolver)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Names()), func(n string) bool { return !isMap(mr, n) })
}

// unknownOrder is the error of a name that nothing can be ordered by.
func (p *parser) unknownOrder(at int, name []string) error {
	if hr, ok := p.r.(HopResolver); ok {
		if _, _, ok := hr.Hop(name[0]); ok {
			return p.errorAt(at, "%s leads to other resources, nothing can be ordered by them", name[0])
		}
	}
	return p.unknown(at, reached{r: p.r, name: name})
}

// Resolve answers e with every hop replaced by what fn answers for it, the innermost first.
func Resolve(e Expr, fn func(Hop) (Expr, error)) (Expr, error) {
	return ResolveFrom(e, "", func(_ string, h Hop) (Expr, error) { return fn(h) })
}

// ResolveFrom is like Resolve for a condition on resources of a kind; fn is told of which kind each hop begins with.
func ResolveFrom(e Expr, kind string, fn func(kind string, h Hop) (Expr, error)) (Expr, error) {
	list := func(in []Expr) ([]Expr, error) {
		out := make([]Expr, len(in))
		for i, x := range in {
			var err error
			if out[i], err = ResolveFrom(x, kind, fn); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	switch e := e.(type) {
	case And:
		out, err := list(e)
		return And(out), err
	case Or:
		out, err := list(e)
		return Or(out), err
	case Not:
		of, err := ResolveFrom(e.Of, kind, fn)
		return Not{of}, err
	case Hop:
		var err error
		if e.Of, err = ResolveFrom(e.Of, e.Relation.Target, fn); err != nil {
			return nil, err
		}
		return fn(kind, e)
	}
	return e, nil
}
