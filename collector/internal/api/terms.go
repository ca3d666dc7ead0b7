package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// terms are where the conditions of a filter go for lists that the domain answers by named terms and not by
// expression: each name once, all joined by AND.
type terms struct {
	text map[string]*string
	// not are the names that compare with != as well.
	not map[string]*string
	// from and until bound "at"; nil when the list has no such term.
	from, until *time.Time
	// named are the terms that hold ids of named objects.
	named map[string]filter.Reference
}

const atName = "at"

func (t terms) fields() *fieldSet {
	f := &fieldSet{fields: map[string]filter.Field{}, names: slices.Sorted(maps.Keys(t.text)), named: t.named}
	for name := range t.text {
		f.fields[name] = filter.Field{Path: []string{name}, Type: filter.String}
	}
	if t.from != nil {
		f.fields[atName] = filter.Field{Path: []string{atName}, Type: filter.Time}
		f.names = append(f.names, atName)
	}
	return f
}

func (t terms) understood() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(t.text)) {
		parts = append(parts, name+" = \"...\"")
	}
	if t.from != nil {
		parts = append(parts, "at >= ...", "at < ...")
	}
	return strings.Join(parts, ", ")
}

func (t terms) set(e filter.Expr) error {
	switch e := e.(type) {
	case nil:
		return nil
	case filter.And:
		for _, x := range e {
			if err := t.set(x); err != nil {
				return err
			}
		}
		return nil
	case filter.Compare:
		return t.compare(e)
	case filter.In:
		return t.refuse(fmt.Sprintf("several are called so: say the id of one %s", e.Field))
	}
	return t.refuse(fmt.Sprintf("only conditions joined by AND are understood here: %s", t.understood()))
}

func (t terms) compare(e filter.Compare) error {
	name := e.Field.String()
	text, ok := e.Value.(string)
	if !ok {
		return t.refuse(fmt.Sprintf("%s compares with text", name))
	}
	if name == atName && t.from != nil {
		at, err := time.Parse(store.TimeLayout, text)
		if err != nil {
			return fmt.Errorf("read moment of filter: %w", err)
		}
		switch e.Op {
		case filter.Ge, filter.Gt:
			*t.from = at
		case filter.Le, filter.Lt:
			*t.until = at
		default:
			return t.refuse("at compares with >= and <")
		}
		return nil
	}
	into := t.text[name]
	if e.Op == filter.Ne && t.not[name] != nil {
		into, e.Op = t.not[name], filter.Eq
	}
	if into == nil || e.Op != filter.Eq {
		return t.refuse(fmt.Sprintf("%s compares with = here", name))
	}
	if *into != "" && *into != text {
		return t.refuse(fmt.Sprintf("%s can have one value", name))
	}
	*into = text
	return nil
}

func (t terms) refuse(why string) error {
	return problem(http.StatusBadRequest, "%s", sentence(why)).at("query.filter", why)
}

// terms reads the parameters of such a list. Its order is fixed: newest first.
func (s *Server) terms(in *ListIn, list string, t terms) (question, after string, err error) {
	where, _, err := s.parseFilter(in.Filter, t.fields())
	if err != nil {
		return "", "", err
	}
	if err := t.set(where); err != nil {
		return "", "", err
	}
	if err := fixedOrder(in); err != nil {
		return "", "", err
	}
	question = questionOf(list, in.Filter)
	after, err = readToken(question, in.PageToken)
	return question, after, err
}

// plainList reads the parameters of a list that takes no filter.
func plainList(in *ListIn, what ...string) (question, after string, err error) {
	if strings.TrimSpace(in.Filter) != "" {
		return "", "", problem(http.StatusBadRequest, "This list takes no filter.").at("query.filter", "is not taken here")
	}
	if err := fixedOrder(in); err != nil {
		return "", "", err
	}
	question = questionOf(what...)
	after, err = readToken(question, in.PageToken)
	return question, after, err
}

func fixedOrder(in *ListIn) error {
	if strings.TrimSpace(in.OrderBy) == "" {
		return nil
	}
	return problem(http.StatusBadRequest, "The order of this list is fixed.").at("query.order_by", "is not taken here")
}
