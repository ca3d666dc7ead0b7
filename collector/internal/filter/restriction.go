package filter

import (
	"slices"
	"strings"
)

// restriction is a field, an operator and what follows.
type restriction struct {
	at   int
	name []string
	op   Op // may be ":" as well
	opAt int
}

const has Op = ":"

func (p *parser) restriction(r restriction) (Expr, error) {
	to, err := p.reach(r, isField)
	if err != nil {
		return nil, err
	}
	if len(to.hops) == 0 {
		return p.condition(r, to)
	}
	// Through relations too, != is the opposite of =, and null is the absence of every value.
	negated := r.op == Ne
	if negated {
		r.op = Eq
	}
	e, err := p.condition(r, to)
	if err != nil {
		return nil, err
	}
	if n, ok := e.(Not); ok {
		e, negated = n.Of, !negated
	}
	e = to.wrap(e)
	if negated {
		return Not{e}, nil
	}
	return e, nil
}

func (p *parser) condition(r restriction, to reached) (Expr, error) {
	one, err := p.subject(r, to)
	if err != nil {
		return nil, err
	}
	if p.peek() == '(' {
		return p.alternatives(r, to)
	}
	v, err := p.value(r)
	if err != nil {
		return nil, err
	}
	return one(v)
}

// subject finds what the name stands for, as a function from a value to a condition.
func (p *parser) subject(r restriction, to reached) (func(value) (Expr, error), error) {
	if len(to.name) == 0 {
		return func(v value) (Expr, error) { return p.related(r, to, v) }, nil
	}
	// Messages name a field as it is written; what the resolver knows is the rest after the hops.
	full := strings.Join(to.name, ".")
	if kr, ok := to.r.(KeyedResolver); ok && len(to.name) > 1 {
		key := strings.Join(to.name[1:], ".")
		if k, ok := kr.Keyed(to.name[0], key); ok {
			return func(v value) (Expr, error) { return p.keyedValue(r, k, key, v) }, nil
		}
	}
	if mr, ok := to.r.(MapResolver); ok {
		if keys, pairs, ok := mr.Map(full); ok {
			return func(v value) (Expr, error) { return p.inMap(r, keys, pairs, v) }, nil
		}
		for i := 1; i < len(to.name); i++ {
			if keys, pairs, ok := mr.Map(strings.Join(to.name[:i], ".")); ok {
				key := strings.Join(to.name[i:], ".")
				return func(v value) (Expr, error) { return p.mapValue(r, keys, pairs, key, v) }, nil
			}
		}
	}
	f, _ := to.r.Field(full)
	return func(v value) (Expr, error) { return p.compare(r, to, f, v) }, nil
}

// alternatives is a list of values: region = (a OR b).
func (p *parser) alternatives(r restriction, to reached) (Expr, error) {
	open := p.pos
	if r.op != Eq && r.op != Ne && r.op != has {
		return nil, p.errorAt(open, "%s takes one value", r.op)
	}
	positive := r
	if r.op == Ne {
		positive.op = Eq
	}
	one, err := p.subject(positive, to)
	if err != nil {
		return nil, err
	}
	p.pos++
	var list Or
	for {
		p.space()
		v, err := p.value(r)
		if err != nil {
			return nil, err
		}
		e, err := one(v)
		if err != nil {
			return nil, err
		}
		if list = append(list, e); len(list) > 1 {
			if err := p.count(v.at); err != nil {
				return nil, err
			}
		}
		p.space()
		if p.peek() == ')' {
			p.pos++
			break
		}
		if p.end() {
			return nil, p.errorAt(open, "the parenthesis is not closed")
		}
		if !p.keyword("OR") {
			return nil, p.errorAt(p.pos, "values in parentheses are joined by OR").expecting("OR or )")
		}
	}
	e := asIn(list)
	if r.op == Ne {
		return Not{e}, nil
	}
	return e, nil
}

// asIn makes one condition of many equalities, which stores answer by one look at an index.
func asIn(list Or) Expr {
	if len(list) == 1 {
		return list[0]
	}
	var in In
	for i, e := range list {
		one, ok := e.(In) // a name may be that of several
		if c, is := e.(Compare); is && c.Op == Eq {
			one, ok = In{Field: c.Field, Values: []any{c.Value}}, true
		}
		if !ok || i > 0 && !slices.Equal(one.Field.Path, in.Field.Path) {
			return list
		}
		in.Field = one.Field
		in.Values = append(in.Values, one.Values...)
	}
	return in
}

// compare is a condition on a plain field.
func (p *parser) compare(r restriction, to reached, f Field, v value) (Expr, error) {
	name := strings.Join(r.name, ".")
	if e, ok, err := p.existence(r, v, Exists{f}); ok || err != nil {
		return e, err
	}
	op := r.op
	if op == has {
		op = Eq
	}
	if rr, ok := to.r.(ReferenceResolver); ok && (v.text != "" || op == Contains) {
		if ref, ok := rr.Reference(strings.Join(to.name, ".")); ok {
			return p.byName(ref, f, op, v)
		}
	}
	if op == Contains && f.Type != String {
		return nil, p.errorAt(r.opAt, "~ looks into texts only, %s is a %s", name, f.Type)
	}
	if v.star {
		switch {
		case f.Type != String:
			return nil, p.errorAt(v.at, "* stands for the rest of a text, %s is a %s", name, f.Type)
		case op == Contains:
			return nil, p.errorAt(v.at, "~ finds a text anywhere, so * has no meaning here").suggesting(`\* for the character`)
		case op != Eq && op != Ne:
			return nil, p.errorAt(v.at, "%s compares with a whole value, not with the beginning of one", op)
		}
		prefix := Compare{f, Prefix, v.text}
		if op == Ne {
			return Not{prefix}, nil
		}
		return prefix, nil
	}
	want, err := p.typedValue(to, name, f, op, v)
	if err != nil {
		return nil, err
	}
	if want == "" && f.Type == String && (op == Eq || op == Ne) {
		// An empty text says as little as none.
		nothing := Or{Not{Exists{f}}, Compare{f, Eq, ""}}
		if op == Ne {
			return Not{nothing}, nil
		}
		return nothing, nil
	}
	return Compare{f, op, want}, nil
}

// existence answers = * and = null, and their opposites.
func (p *parser) existence(r restriction, v value, exists Expr) (Expr, bool, error) {
	isNull := !v.quoted && v.text == "null" && !v.star
	isAny := v.star && v.text == ""
	if !isNull && !isAny {
		return nil, false, nil
	}
	if r.op != Eq && r.op != Ne && r.op != has {
		return nil, false, p.errorAt(v.at, "%s cannot be compared by %s", p.src[v.at:v.end], r.op).expecting("= or !=")
	}
	if isNull == (r.op == Ne) {
		return exists, true, nil
	}
	return Not{exists}, true, nil
}

// hasKey is tags:env. The pairs say nothing that the keys do not, but they are what stores keep an index of.
func hasKey(keys, pairs Field, op Op, key string) Expr {
	begins := key + "="
	if op == Prefix {
		begins = key
	}
	return And{Compare{pairs, Prefix, begins}, Compare{keys, op, key}}
}

// inMap is tags:env, has a key, or tags:"env=prod", has a pair.
func (p *parser) inMap(r restriction, keys, pairs Field, v value) (Expr, error) {
	name := strings.Join(r.name, ".")
	if e, ok, err := p.existence(r, v, Exists{keys}); ok || err != nil {
		return e, err
	}
	op := Eq
	switch {
	case r.op == Contains && v.star:
		return nil, p.errorAt(v.at, "~ finds a text anywhere, so * has no meaning here").suggesting(`\* for the character`)
	case r.op == Contains:
		return Compare{pairs, Contains, v.text}, nil
	case r.op != has && r.op != Eq && r.op != Ne:
		return nil, p.errorAt(r.opAt, "%s is a set of keys and values", name).expecting(name + `:key or ` + name + `.key = "value"`)
	case v.star:
		op = Prefix
	}
	var e Expr = Compare{pairs, op, v.text}
	if !strings.ContainsRune(v.text, '=') {
		e = hasKey(keys, pairs, op, v.text)
	}
	if r.op == Ne {
		return Not{e}, nil
	}
	return e, nil
}

// mapValue is tags.env = "prod".
func (p *parser) mapValue(r restriction, keys, pairs Field, key string, v value) (Expr, error) {
	if e, ok, err := p.existence(r, v, hasKey(keys, pairs, Eq, key)); ok || err != nil {
		return e, err
	}
	if r.op != Eq && r.op != Ne && r.op != has {
		return nil, p.errorAt(r.opAt, "values of free keys are compared by = and != only").expecting("=, != or :")
	}
	c := Compare{pairs, Eq, key + "=" + v.text}
	if v.star {
		c.Op = Prefix
	}
	if r.op == Ne {
		return Not{c}, nil
	}
	return c, nil
}

// keyedValue is identifiers.serial = "ZZ-1". The values have the index, the pairs tell whether value and key belong together.
func (p *parser) keyedValue(r restriction, k Keyed, key string, v value) (Expr, error) {
	if e, ok, err := p.existence(r, v, Compare{k.Keys, Eq, key}); ok || err != nil {
		return e, err
	}
	if r.op != Eq && r.op != Ne && r.op != has {
		return nil, p.errorAt(r.opAt, "%s is compared by = and != only", strings.Join(r.name, ".")).expecting("=, != or :")
	}
	op, want := Eq, k.Spell(v.text)
	if v.star {
		op, want = Prefix, v.text
	}
	e := And{Compare{k.Values, op, want}, Compare{k.Pairs, op, key + "=" + want}}
	if r.op == Ne {
		return Not{e}, nil
	}
	return e, nil
}
