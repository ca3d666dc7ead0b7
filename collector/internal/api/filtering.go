package api

import (
	"errors"
	"net/http"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// resolver knows the names of a list's filter.
type resolver interface {
	filter.Resolver
	filter.EnumResolver
	filter.TextResolver
}

// parseFilter reads the parameter filter. named says whether the filter names a field.
func (s *Server) parseFilter(text string, fields resolver) (where filter.Expr, named func(field string) bool, err error) {
	where, info, err := filter.Parse(text, fields, s.opt.Clock())
	if err != nil {
		return nil, nil, filterProblem("filter", err)
	}
	return where, info.Names, nil
}

// parseOrder reads the parameter order_by. That a list ends with the id needs not be said, but may be.
func (s *Server) parseOrder(text string, fields resolver) ([]store.Order, error) {
	parsed, err := filter.ParseOrder(text, fields)
	if err != nil {
		return nil, filterProblem("order_by", err)
	}
	order := make([]store.Order, len(parsed))
	for i, o := range parsed {
		order[i] = store.Order{Field: o.Field, Desc: o.Desc}
	}
	return order, nil
}

func filterProblem(parameter string, err error) error {
	var bad *filter.Error
	if !errors.As(err, &bad) {
		return err
	}
	p := problem(http.StatusBadRequest, "%s", sentence(bad.Message))
	p.Filter = &rest.FilterProblem{Parameter: parameter, Position: bad.Rune, Byte: bad.Offset, Message: bad.Message,
		Expected: bad.Expected, Suggestion: bad.Suggestion}
	return p.at("query."+parameter, parameter+strings.TrimPrefix(bad.Error(), "filter"))
}
